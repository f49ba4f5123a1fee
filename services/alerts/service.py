"""Alerts as a process: it looks at every rule again and again, and writes to people.

1. Measure every rule. What can't be measured is an incident of its own after some minutes.
2. Send what is due.
3. Remember that it was sent. A crash between the two sends the message again; none is ever lost.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from threading import Event

import structlog
from sqlalchemy.exc import SQLAlchemyError

from runtime.errors import SegueError, first_line
from runtime.money import Money
from runtime.output_files import OutputError
from services.alerts.destinations import AlertSender
from services.alerts.health import AlertHealth
from services.alerts.incidents import Incident, due, looked
from services.alerts.measures import Measured, Sources, measured
from services.alerts.messages import AlertText, text
from services.alerts.rules import Rule
from services.alerts.state_file import StateFile

log = structlog.get_logger(__name__)


class AlertService:
    """Writes to people what the rules say.

    Parameters
    ----------
    money
        How amounts are written; those of the stream are in its own currency.
    now
        The wall clock, which decides quiet hours and how long an incident lasts.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        sources: Sources,
        sender: AlertSender,
        state: StateFile,
        money: Money,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._rules, self._sources, self._sender, self._state = rules, sources, sender, state
        self._money, self._now = money, now
        known = state.read()
        # What is about rules and destinations that have gone is dropped.
        self._incidents = {
            rule.name: {name: each for name, each in known.get(rule.name, {}).items() if name in rule.to}
            for rule in rules
        }
        self._stopped = Event()
        self.health = AlertHealth(rule.name for rule in rules)

    def look(self) -> int:
        """Look at every rule once, send what is due, and return the number of messages that were sent."""
        return sum(self._one(rule) for rule in self._rules)

    def run(self, every_seconds: float) -> None:
        """Look again and again until :meth:`stop`."""
        log.info("alerts starting", rules=len(self._rules))
        while not self._stopped.is_set():
            self.look()
            self._stopped.wait(every_seconds)
        log.info("alerts stopped")

    def stop(self) -> None:
        """End :meth:`run` soon."""
        self._stopped.set()

    def _one(self, rule: Rule) -> int:
        found, now = look_at(rule, self._sources), self._now()
        quiet = rule.quiet is not None and rule.quiet.includes(now)
        sent = sum(self._send(rule, destination, found, quiet, now) for destination in rule.to)
        incidents = self._incidents[rule.name].values()
        self.health.looked(rule.name, found.value, any(each.since is not None for each in incidents))
        return sent

    def _send(self, rule: Rule, destination: str, found: Measured, quiet: bool, now: datetime) -> bool:
        """Send a rule's message to one destination if it is due; returns whether it was sent."""
        before = self._incidents[rule.name].get(destination, Incident())
        after = looked(before, found.is_above(rule.above), now)
        message, then = due(after, found.value is not None, quiet, now)
        sent = message is not None and self._accepted(rule, destination, text(message, rule, found, self._money))
        # What was not accepted is due at the next look, too.
        self._remember(rule, destination, before, then if sent or message is None else after)
        return sent

    def _accepted(self, rule: Rule, destination: str, message: AlertText) -> bool:
        try:
            self._sender.send(destination, message.title, message.body)
        except SegueError as error:
            log.warning("an alert was not accepted", rule=rule.name, destination=destination, reason=str(error))
            self.health.refused(rule.name, destination, str(error))
            return False
        log.info("alert sent", rule=rule.name, destination=destination, title=message.title)
        self.health.sent(rule.name, destination)
        return True

    def _remember(self, rule: Rule, destination: str, before: Incident, after: Incident) -> None:
        if after != before:
            self._incidents[rule.name][destination] = after
            try:
                self._state.write(self._incidents)
            except OutputError as error:
                # The process still knows; only a restart would repeat messages.
                log.error("what was sent can't be remembered", reason=str(error))


def look_at(rule: Rule, sources: Sources) -> Measured:
    """The measure of a rule; if it can't be found out, the reason in place of its words."""
    try:
        return measured(rule, sources)
    except SegueError as error:
        return Measured(None, str(error))
    except SQLAlchemyError as error:
        return Measured(None, first_line(error))
