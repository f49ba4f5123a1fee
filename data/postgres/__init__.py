"""Postgres: tables, migrations, roles, and one module per question."""
