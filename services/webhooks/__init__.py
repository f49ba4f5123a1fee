"""Webhooks: send changes as signed HTTP requests. A webhook is a subscriber in its own process."""
