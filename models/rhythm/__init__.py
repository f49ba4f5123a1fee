"""Customers' own rhythm: when they buy next, whether they are gone, and what they will spend. Pure, on numpy arrays."""
