"""Encoders from outside: embeddings of clips by networks that others trained on far more singing.

An encoder is one file from waveforms (batch, samples) to embeddings (batch, dim). cantaor gives it
windows of one length at its own rate, and keeps what it answers.
"""
