"""Campaigns with a holdout: who is held out, and what treated and held-out customers did. Pure, on numpy arrays."""
