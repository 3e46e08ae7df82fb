"""What is wrong with a corpus: copies, shared audio, contradicting labels."""
