"""Postgres: tables, migrations, roles, and one module for each kind of question."""
