"""Audit of a corpus: copies, shared audio, conflicting labels."""
