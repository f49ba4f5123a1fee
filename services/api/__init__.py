"""The HTTP API: orders come in, and services ask for a customer's segment."""
