"""What the bytes of audio files say, beside what their headers claim."""
