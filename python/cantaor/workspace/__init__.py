"""A workspace: the folder where mining keeps its tables."""
