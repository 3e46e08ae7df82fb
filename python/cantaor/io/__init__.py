"""Files: audio, places on disk and behind URLs, tables and texts that are whole or absent."""
