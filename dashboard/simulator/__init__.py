"""The simulator page."""
