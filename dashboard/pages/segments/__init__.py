"""The segments page."""
