"""``segue forget``: forget a customer."""

import sys
from typing import Annotated

import typer

from runtime.counts import many
from runtime.readable import visible
from runtime.settings import Settings
from segue.cli.auditing import recorded
from segue.cli.console import fail, messages, spinner


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(forget)


def forget(
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's id, exactly.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait for the worker.")] = False,
) -> None:
    """Forget a customer permanently: delete what is stored, and drop every later record of theirs.

    An erasure is written into the log. The worker deletes the customer's transactions, profile, changes, risk changes
    and dead letters, and publishes a tombstone to the segments topic. A keyed hash of the id remains, so that reading
    the log or replaying a file again does not bring the customer back. See docs/forgetting.md for what stays in topics
    until their retention ends.
    """
    from data.postgres import erasures
    from producers import campaigns, erasure
    from producers.log_session import session

    if not yes and not sys.stdin.isatty():
        fail("there is no terminal to ask on whether the customer is to be forgotten permanently: add --yes")
    if not yes:
        typer.confirm(f"Forget customer {visible(customer)}? This can't be undone.", abort=True, err=True)
    settings = Settings()
    with session(settings) as open_session:
        # The audit must not keep the id: the hash is the same as in the table of erasures.
        with open_session.postgres.connect() as connection:
            forgotten = erasures.read(connection).hash(customer).hex()
        with recorded(open_session.postgres, "forget", f"hash {forgotten}"):
            partition, end = erasure.forget(open_session, customer)
        if no_wait:
            campaigns.forget(settings, open_session.postgres, customer)
            messages.print(f"The erasure is in partition {partition} of the log; the worker applies it.", markup=False)
            return
        with spinner("Waiting for the worker"):
            erasure.wait(open_session, customer, partition, end)
            # Now Postgres has no membership left that somebody could still write to the topic.
            campaigns.forget(settings, open_session.postgres, customer)
        abandoned = erasures.forget_abandoned(open_session.postgres, customer)
        totals = erasures.totals(open_session.postgres)
    changes = many(abandoned, "abandoned change of webhooks is", "abandoned changes of webhooks are")
    kept = f" {changes} deleted, too." if abandoned else ""
    text = f"Customer {visible(customer)} is forgotten.{kept} Forgotten in all: {totals.customers:,}."
    messages.print(text, markup=False, soft_wrap=True)
