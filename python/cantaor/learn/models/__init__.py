"""The three networks of the paper, by name."""
