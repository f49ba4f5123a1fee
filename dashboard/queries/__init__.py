"""Every question the dashboard asks of Postgres: read-only, bounded, parameterised; one file per page."""
