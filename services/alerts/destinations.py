"""Where alerts go: e-mail, chat and the like, as addresses of Apprise.

Each destination is an address such as ``mailto://user:password@example.com`` or ``slack://TOKENS``, which has secrets:
no message or log line ever shows one.
"""

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote

from runtime.errors import SegueError

_NAME = re.compile(r"[A-Za-z0-9][\w-]{0,63}")
_SHOWN = 300
#: Texts of this many characters are masked wherever they are.
_LONG = 4


class DestinationError(SegueError):
    """Destinations that can't be used, or one that did not accept a message."""


class AlertSender(Protocol):
    """Sends messages to destinations by their names."""

    def send(self, destination: str, title: str, body: str) -> None:
        """Send a message; raises :class:`DestinationError` if it was not accepted."""


def parse_destinations(text: str) -> dict[str, str]:
    """Addresses by name, from ``NAME=ADDRESS`` words with white space between them.

    Raises
    ------
    DestinationError
        If a word is something else, or a name is there twice. The message shows no address.

    Examples
    --------
    >>> parse_destinations("team=json://127.0.0.1:8080 boss=mailto://me:secret@example.com")["team"]
    'json://127.0.0.1:8080'
    """
    found: dict[str, str] = {}
    for number, word in enumerate(text.split(), 1):
        name, sign, address = word.partition("=")
        if not sign or not _NAME.fullmatch(name) or "://" not in address:
            raise DestinationError(f"SEGUE_ALERT_DESTINATIONS: word {number} is not NAME=ADDRESS")
        if name in found:
            raise DestinationError(f"SEGUE_ALERT_DESTINATIONS: the name {name!r} is there twice")
        found[name] = address
    return found


@dataclass(frozen=True)
class AppriseSender:
    """Sends through Apprise, which has made sure that each address is one that it knows."""

    addresses: Mapping[str, str]

    @classmethod
    def of(cls, addresses: Mapping[str, str]) -> "AppriseSender":
        """A sender to some addresses.

        Raises
        ------
        DestinationError
            If Apprise does not know an address.
        """
        from apprise import Apprise

        _keep_secrets()
        for name, address in addresses.items():
            if Apprise.instantiate(address, suppress_exceptions=True) is None:
                raise DestinationError(
                    f"the destination {name!r} has no address that Apprise knows: see docs/alerts.md"
                )
        return cls(addresses)

    def send(self, destination: str, title: str, body: str) -> None:
        """Send a message; raises :class:`DestinationError` if it was not accepted."""
        from apprise import Apprise, NotifyFormat

        address = self.addresses.get(destination)
        if address is None:
            raise DestinationError(f"there is no destination {destination!r}")
        reasons = _Reasons()
        logger = logging.getLogger("apprise")
        logger.addHandler(reasons)
        try:
            target = Apprise()
            target.add(address)
            accepted = bool(target.notify(body=body, title=title, body_format=NotifyFormat.TEXT))
        except Exception as error:
            raise DestinationError(f"{destination} did not accept the message: {type(error).__name__}") from None
        finally:
            logger.removeHandler(reasons)
        if not accepted:
            raise DestinationError(f"{destination} did not accept the message: {_masked(reasons.lines, address)}")


class _Reasons(logging.Handler):
    """Keeps what Apprise says about a failure, which it only logs."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(" ".join(record.getMessage().split()))


def _keep_secrets() -> None:
    """Apprise and its HTTP client log addresses while they send: only warnings are of use, and are in the error."""
    logger = logging.getLogger("apprise")
    for each in (logger, logging.getLogger("urllib3")):
        each.setLevel(logging.WARNING)
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def _masked(lines: Iterable[str], address: str) -> str:
    """The reasons of a failure without anything of the address that could be a secret."""
    reason = "; ".join(lines) or "it gave no reason"
    rest = address.partition("://")[2]
    for part in re.split(r"[/:@?&=,]+", rest):
        for secret in {part, unquote(part)}:
            if len(secret) >= _LONG:
                reason = reason.replace(secret, "****")
    # A short user or password is masked where it is a word; a short part of another kind is no secret.
    for part in filter(None, re.split(r"[/:]+", rest.rpartition("@")[0])):
        for secret in {part, unquote(part)}:
            reason = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "****", reason)
    return reason[:_SHOWN]
