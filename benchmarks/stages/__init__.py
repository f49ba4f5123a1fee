"""Where the CPU of a transaction goes: the stages of the worker without Kafka, on a Postgres of their own."""
