"""The life of an assigned partition: assignment, buffering, applying batch by batch."""
