"""Publishing: from the outbox in Postgres to the topics."""
