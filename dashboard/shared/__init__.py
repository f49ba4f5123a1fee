"""What two pages or more share, and nothing that knows a page."""
