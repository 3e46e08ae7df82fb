"""Clips to learn from: arrays, batches, augmentation."""
