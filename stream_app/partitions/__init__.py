"""Assigned partitions: assignment, buffering, and one task that applies each partition batch by batch."""
