"""A real Apache Kafka broker on this machine, without Docker: Maven finds its jars, the machine's Java runs it."""
