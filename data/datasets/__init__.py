"""Datasets: reading, cleaning, fetching and generating transactions."""
