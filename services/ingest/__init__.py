"""Ingestion of orders that are already in Kafka: each record is mapped and written to the log."""
