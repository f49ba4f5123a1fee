"""Webhooks: chosen segment changes as signed HTTP requests. A subscriber like any other, in a process of its own."""
