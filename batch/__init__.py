"""Fitting segment models and proving the stream right."""
