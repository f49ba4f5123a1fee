"""One module per page; each has a ``show`` that the router calls."""
