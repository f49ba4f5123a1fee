"""What ``segue replay`` does: it plans, asks the ledger, sends, and says what became of it."""

import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import typer
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from data.datasets.dataset import Dataset
from data.postgres import currency as stream_currency
from data.postgres import ledger_lookup, model_registry, progress
from models.units import from_micros, to_micros
from producers.arrivals import SectionArrivals, arrivals
from producers.chaos import Injection
from producers.chaos_spec import Chaos
from producers.control import ReplayState
from producers.dataset_contents import contents, occurred_at
from producers.dry_run import json_lines, summary
from producers.pace import Speed
from producers.periods import LONGEST_ID, Lap
from producers.plan import ReplayPlan, Rest
from producers.replay_session import ReplayResult, ReplaySession, session
from producers.section import Section, between, missing
from producers.stop_signals import EndedAtOnce
from runtime.counts import many
from runtime.settings import Settings
from segue.cli.auditing import recorded
from segue.cli.console import fail, messages, spinner
from segue.cli.replay_display import LagWarning, replay_bar
from segue.cli.replay_report import exit_code, print_dry_run, report, write_lines

_NO_MODEL = (
    "There is no model yet: workers collect customers without segments until `segue fit FILE` or "
    "`segue fit --from-stream` makes one."
)


@dataclass(frozen=True, slots=True)
class Choices:
    """What the options of the command choose."""

    resume: bool
    resend_dead_letters: bool
    mix: bool
    as_json: bool


@dataclass(frozen=True, slots=True)
class ReplayPace:
    """The speed of event time, and the most transactions per second."""

    speed: Speed
    rate: float | None


def injection(chaos: str | None, seed: int) -> Injection | None:
    """The chaos that a specification asks for.

    Raises
    ------
    ChaosError
        If it can't be read.
    """
    return None if chaos is None else Injection(Chaos.parse(chaos), seed)


def plan(
    dataset: Dataset, section: Section, injection: Injection | None, loop: bool, max_ahead: timedelta
) -> ReplayPlan:
    """What is sent. Periods of a loop end where workers would refuse records because they are in the future."""
    return ReplayPlan(dataset, section, injection, loop, to_micros(datetime.now(UTC) + max_ahead))


def show_plan(plan: ReplayPlan, topic: str, pace: ReplayPace, as_json: bool, out: Path | None) -> None:
    """Say what would be sent; of a loop, its first period."""
    once = replace(plan, loop=False)
    if out is not None:
        written = write_lines(out, json_lines(once))
        messages.print(f"{many(written, 'record')} written to {out}", soft_wrap=True)
    elif as_json:
        for line in json_lines(once):
            sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
    again = replace(once, injection=None if plan.injection is None else plan.injection.again())
    print_dry_run(summary(again, topic, pace.speed, pace.rate), plan.loop, aside=as_json)


def send(plan: ReplayPlan, settings: Settings, max_lag: int, pace: ReplayPace, choices: Choices) -> int:
    """Send a plan, and say what became of it; returns the exit code."""
    with session(settings, max_lag) as replaying, replaying.alone(plan.dataset.name):
        stream_currency.check(replaying.postgres, settings.currency)
        return _send(replaying, plan, pace, choices)


def _send(replaying: ReplaySession, plan: ReplayPlan, pace: ReplayPace, choices: Choices) -> int:
    with spinner("Asking the ledger what has come"):
        come = replaying.arrivals(plan.dataset, plan.section)
    foreign = come.why_foreign(_first_moment(plan))
    if foreign is not None and not choices.mix:
        fail(
            f"{plan.dataset.name} does not fit the stream: {foreign}; add --mix to send it anyway, "
            "or use another Postgres"
        )
    plan = replace(plan, rest=_rest(replaying.postgres, plan.dataset, come, choices))
    section = plan.first()
    if choices.resume:
        messages.print(_already(come, choices), soft_wrap=True)
    if model_registry.champion_version(replaying.postgres) is None:
        messages.print(_NO_MODEL, style="yellow")
    comparable = _is_comparable(replaying.postgres, come, plan)
    accounting = replaying.accounting()
    done = ReplayResult(0, stopped=False)
    if section is not None:
        how = {"speed": str(pace.speed), "resume": choices.resume, "chaos": plan.injection is not None}
        with recorded(replaying.postgres, "replay", plan.dataset.name, **how) as found:
            done = _run(replaying, plan, section, pace)
            found["sent"] = done.sent
    injected = None if plan.injection is None else plan.injection.injected
    known = done.known + (injected.duplicates if injected else 0)
    try:
        outcome = accounting.outcome(done.sent, known)
    except DBAPIError:
        messages.print(f"{done.sent:,} sent; Postgres does not answer, so what became of them is unknown")
        return done.exit_code or 1
    differences = [] if injected is None else outcome.differences(injected, done.known, compare_late=comparable)
    if plan.loop and not done.stopped:
        messages.print("The next period would end in the future, where workers refuse records: the loop ends here.")
    report(plan.dataset.name, outcome, injected, differences, stopped=done.stopped, as_json=choices.as_json)
    return done.exit_code or exit_code(outcome, injected, differences)


def _run(replaying: ReplaySession, plan: ReplayPlan, section: Section, pace: ReplayPace) -> ReplayResult:
    lag_warning = LagWarning(lambda: messages.print(_waiting_reason(replaying.postgres), style="yellow"))
    with replay_bar(f"replaying {pace.speed}") as bar:

        def show(state: ReplayState) -> None:
            bar(state)
            lag_warning(state)

        try:
            return replaying.run(plan.dataset, section, pace.speed, show, pace.rate, plan.records())
        except EndedAtOnce as ended:
            messages.print("ended at once; continue with --resume")
            raise typer.Exit(ended.exit_code) from ended


def _rest(postgres: Engine, dataset: Dataset, come: SectionArrivals, choices: Choices) -> Rest:
    """What of each period is to be sent, and what of that the ledger has; of the first period it is known already."""

    @lru_cache(maxsize=1)
    def rest(each: Lap) -> Section:
        found = come if each.period.number == 1 else arrivals(postgres, dataset, each.section, each.period)
        if not choices.resume:
            return replace(each.section, known=found.without_dead_letters())
        skip = found.without_dead_letters() if choices.resend_dead_letters else found.come
        return missing(each.section, skip, None if found.watermark is None else to_micros(found.watermark))

    return rest


def section(dataset: Dataset, since: datetime | None, until: datetime | None) -> Section:
    """The transactions in a span of event time; fails if there is none."""
    found = between(dataset, *(None if each is None else to_micros(each) for each in (since, until)))
    if not found.count:
        moments = occurred_at(dataset)
        first, last = (f"{from_micros(int(moments[at])):%Y-%m-%d %H:%M}" for at in (0, -1))
        fail(f"no transaction of {dataset.name} is in the chosen time: its transactions are from {first} to {last}")
    return found


def check_content(dataset: Dataset, loop: bool) -> None:
    """Refuse what the workers would refuse."""
    if loop:
        for chunk in contents(dataset, 0, len(occurred_at(dataset))):
            for each in chunk:
                if len(each.transaction_id) > LONGEST_ID:
                    fail(
                        f"--loop adds a number to each transaction id, and {each.transaction_id} is too long for that: "
                        f"at most {LONGEST_ID} characters"
                    )


def _first_moment(plan: ReplayPlan) -> datetime:
    return from_micros(int(occurred_at(plan.dataset)[plan.section.start]))


def _is_comparable(postgres: Engine, come: SectionArrivals, plan: ReplayPlan) -> bool:
    """Whether the stream has nothing that could make more transactions late than the chaos does."""
    first = _first_moment(plan)
    with postgres.connect() as connection:
        return (come.watermark is None or come.watermark <= first) and not ledger_lookup.has_after(connection, first)


def _already(come: SectionArrivals, choices: Choices) -> str:
    """What has come already, for a replay that is resumed."""
    text = f"{many(come.applied, 'transaction has', 'transactions have')} come already"
    if come.dead_letters and choices.resend_dead_letters:
        return f"{text}; {many(come.dead_letters, 'dead letter is', 'dead letters are')} sent again"
    if come.dead_letters:
        return (
            f"{text}, and {many(come.dead_letters, 'is a dead letter, which is', 'are dead letters, which are')} "
            "not sent again: "
            "see `segue dlq list`, then use `segue dlq retry` or --resend-dead-letters"
        )
    return text


def _waiting_reason(postgres: Engine) -> str:
    """Return the probable reason why the lag does not fall."""
    try:
        progress.current_watermark(postgres)
    except DBAPIError:
        return "Postgres does not answer; the replay waits for it."
    return "The lag does not fall: is a worker running? Start `segue worker`."
