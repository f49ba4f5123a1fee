"""Everything that is sent to or read from Kafka, Postgres and files."""
