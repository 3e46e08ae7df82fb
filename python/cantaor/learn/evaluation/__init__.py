"""Evaluation of trained models, and the grid of the paper's Table 2."""
