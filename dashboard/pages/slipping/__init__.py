"""The slipping page."""
