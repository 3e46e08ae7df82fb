"""What was mined of a recording, for the programs that musicians and phoneticians use."""
