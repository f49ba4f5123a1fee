"""Topics of Segue's own, which nobody can ingest orders from."""

from runtime.settings import Settings
from segue.cli.console import fail


def refuse_own_topic(topic: str, option: str, settings: Settings) -> None:
    """Refuse a topic that Segue writes itself: what is read from it would be written into it again."""
    if topic in settings.topics.configuration:
        fail(f"{option} {topic}: that is a topic of Segue's own; name the one with the orders")
