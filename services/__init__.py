"""Processes that run beside the workers, and the code that they share."""
