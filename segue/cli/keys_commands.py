"""``segue keys``: keys of the HTTP API."""

from typing import Annotated

import typer
from rich.text import Text

from data.postgres import api_keys
from data.postgres.database import engine
from runtime.settings import Settings
from segue.cli import options
from segue.cli.auditing import recorded
from segue.cli.console import fail, messages, output, table

app = typer.Typer(no_args_is_help=True, help="Create, list and revoke keys of the HTTP API.")
_LONGEST = 64


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who uses the key, such as `till` or `crm`.")],
    read: Annotated[bool, typer.Option("--read", help="Allow to ask for customers, changes and segments.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Allow to post transactions.")] = False,
) -> None:
    """Create a key and print it. It can't be shown again: only its hash is stored."""
    if not 0 < len(name.strip()) <= _LONGEST or not name.isprintable():
        fail(f"a name has 1 to {_LONGEST} printable characters")
    scopes = [scope for scope, wanted in zip(api_keys.SCOPES, (read, write), strict=True) if wanted]
    if not scopes:
        fail("say what the key allows: --read, --write, or both")
    postgres = engine(Settings().database)
    with recorded(postgres, "keys create", name.strip(), scopes=scopes) as found:
        key = api_keys.create(postgres, name.strip(), scopes)
        found["key_id"] = api_keys.id_of(key)
    output.print(Text(key), soft_wrap=True)
    messages.print("Store it now: it can't be shown again.")


@app.command("list")
def list_them(as_json: options.AsJson = False) -> None:
    """Show all keys, without the keys themselves."""
    rows = api_keys.listed(engine(Settings().database))
    if as_json:
        output.print_json(data=[dict(row._mapping) for row in rows], default=str)
        return
    if not rows:
        messages.print("There is no key yet: create one with `segue keys create NAME --read`.")
        return
    shown = [
        [
            row.key_id,
            row.name,
            " ".join(row.scopes),
            f"{row.created_at:%Y-%m-%d %H:%M}",
            "" if row.revoked_at is None else f"{row.revoked_at:%Y-%m-%d %H:%M}",
        ]
        for row in rows
    ]
    output.print(table("Keys of the HTTP API", ["id", "name", "scopes", "created at", "revoked at"], shown))


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(help="The id, as `segue keys list` shows it.")]) -> None:
    """Revoke a key. A running API refuses it within seconds."""
    postgres = engine(Settings().database)
    # Somebody may give the whole key by mistake, and the audit must not keep its secret.
    with recorded(postgres, "keys revoke", api_keys.id_of(key_id)):
        when = api_keys.revoke(postgres, key_id)
    messages.print(f"The key {key_id} is revoked since {when:%Y-%m-%d %H:%M:%S} UTC.")
