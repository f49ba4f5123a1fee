"""The worker: a pure core, and the code for Faust, Kafka and Postgres that runs the core."""
