from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from data.postgres.database import engine, migrate
from data.postgres.tables import metadata


def test_the_migrations_create_the_tables_of_the_code(database_url: str) -> None:
    migrate(database_url)
    with engine(database_url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_migrating_again_changes_nothing(database_url: str) -> None:
    migrate(database_url)
    migrate(database_url)
