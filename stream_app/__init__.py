"""The stream processor: a pure core and a thin shell of Faust, Kafka and Postgres around it."""
