"""A Kafka in memory: logs, Kafka transactions, producers, consumers and their group."""
