"""What is analysed: manifests, loaders, the synthetic corpus and splits."""
