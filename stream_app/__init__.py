"""The stream processor: a pure core, and the Faust, Kafka and Postgres code that runs it."""
