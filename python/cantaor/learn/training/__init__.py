"""Training: settings, the loop, the ensemble, recipes."""
