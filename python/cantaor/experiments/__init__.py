"""Training and testing on the clips of a workspace or of a file."""
