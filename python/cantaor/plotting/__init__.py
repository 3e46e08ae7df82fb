"""Pictures of arrays, with matplotlib."""
