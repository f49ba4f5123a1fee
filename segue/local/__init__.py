"""The local stack: Postgres, an embedded broker, worker and dashboard, started and stopped together."""
