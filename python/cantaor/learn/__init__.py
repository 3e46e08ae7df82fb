"""All that needs torch: features, networks, training, evaluation, identification, export."""
