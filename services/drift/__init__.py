"""Watching for drift: what is committed is observed from outside, beside the workers and out of their way."""
