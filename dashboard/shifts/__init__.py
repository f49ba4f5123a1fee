"""The shifts page."""
