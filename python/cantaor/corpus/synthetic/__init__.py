"""Synthetic singers whose f0 and motifs are known exactly."""
