"""The page "Audiences"."""
