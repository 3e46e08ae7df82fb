"""Measures of probabilities and of verification, over arrays."""
