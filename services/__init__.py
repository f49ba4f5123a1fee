"""Processes beside the workers, and what they share."""
