"""What turns the bytes of a recording into samples: libsndfile, and FFmpeg."""
