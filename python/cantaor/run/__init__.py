"""The stages in order, over a whole corpus, with their results on disk."""
