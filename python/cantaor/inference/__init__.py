"""A model over many recordings: batches, prediction files, embeddings."""
