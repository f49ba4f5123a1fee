"""Clients of Kafka: questions about the log, reading a topic, writing records, the partition of a key."""
