"""Train, validation and test sides of clips, and what the sides share."""
