"""Segue: watches customers move between segments."""

__version__ = "0.1.0"
