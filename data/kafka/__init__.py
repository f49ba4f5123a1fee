"""Clients of Kafka: the log, writing records, placing a key."""
