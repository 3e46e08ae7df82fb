"""Mining a corpus: stages over recordings and singers, workers, the files they write."""
