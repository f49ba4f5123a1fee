"""``segue replay``: write a dataset's transactions into the log."""

import math

import typer

from producers.flow_control import MAX_LAG
from producers.pace import Speed
from runtime.settings import Settings
from segue.cli import options, reading_options, replay_options
from segue.cli.console import fail, messages, spinner
from segue.cli.errors import described

_PACE = Speed.parse("1d/s")


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(replay)


def replay(
    context: typer.Context,
    files: reading_options.Files = None,
    speed: options.Pace = _PACE,
    rate: replay_options.Rate = None,
    since: replay_options.Since = None,
    until: replay_options.Until = None,
    loop: replay_options.Loop = False,
    resume: replay_options.Resume = False,
    resend_dead_letters: replay_options.ResendDeadLetters = False,
    max_lag: options.MaxLag = MAX_LAG,
    mix: replay_options.Mix = False,
    accept_dates: options.AcceptDates = False,
    chaos: replay_options.ChaosSpec = None,
    seed: replay_options.Seed = 1,
    dry_run: replay_options.IsDryRun = False,
    as_json: replay_options.AsJson = False,
    out: replay_options.Out = None,
    mapping: reading_options.MappingFile = None,
    set_: reading_options.Settings = None,
    on_error: reading_options.OnError = "stop",
    rejects: reading_options.Rejects = None,
) -> None:
    """Send a dataset's transactions into the log, paced by event time.

    Everything is sent, including what was sent before: the workers recognise duplicates, and count nothing twice.
    With `--resume` only what is missing is sent. Ctrl-C or SIGTERM ends the replay cleanly; `--resume` continues it.

    The last line says what became of what was sent. The exit code is 0 if all of it is accounted for and nothing became
    a dead letter (with `--chaos`: if the stack reports exactly what was injected), 1 if not, 130 after Ctrl-C and 143
    after SIGTERM.
    """
    from data.datasets.selection import choose
    from segue.cli import replaying

    _refuse_combinations(resume, resend_dead_letters, dry_run, out is not None)
    injection = replaying.injection(chaos, seed)
    settings = Settings()
    how = reading_options.reading(files, mapping, set_, on_error, rejects, settings.currency)
    if rate is not None and _is_default(context, "speed"):
        speed = Speed(math.inf)
    with spinner("Loading data"):
        chosen = choose(files, settings.datasets_dir, how)
    messages.print(f"Dataset: [bold]{described(chosen.why, chosen.hint)}[/]")
    if files:
        reading_options.mention(chosen.dataset)
    options.check_dates(chosen.dataset, accept_dates)
    options.check_currency(chosen.dataset, settings.currency)
    replaying.check_content(chosen.dataset, loop)
    section = replaying.section(chosen.dataset, since, until)
    plan = replaying.plan(chosen.dataset, section, injection, loop, settings.max_ahead)
    pace = replaying.ReplayPace(speed, rate)
    if dry_run:
        replaying.show_plan(plan, settings.topics.transactions, pace, as_json, out)
    else:
        choices = replaying.Choices(resume, resend_dead_letters, mix, as_json)
        raise typer.Exit(replaying.send(plan, settings, max_lag, pace, choices))


def _refuse_combinations(resume: bool, resend_dead_letters: bool, dry_run: bool, out: bool) -> None:
    if resend_dead_letters and not resume:
        fail("--resend-dead-letters needs --resume: without it, everything is sent")
    if out and not dry_run:
        fail("--out needs --dry-run")
    if dry_run and resume:
        fail("--dry-run asks no stack, so it can't know what --resume would leave out: use one of them")


def _is_default(context: typer.Context, option: str) -> bool:
    source = context.get_parameter_source(option)
    return source is not None and source.name == "DEFAULT"
