"""Fit segment models, explore datasets, and reconcile the stream's state with a dataset."""
