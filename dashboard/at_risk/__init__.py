"""The page "At risk"."""
