"""A model's whole history beside the published one, and what differs."""
