"""The unit of work: everything that one micro-batch changes, in one Postgres transaction."""
