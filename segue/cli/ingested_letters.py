"""``segue dlq --topic``: dead letters of ``segue ingest``."""

from collections import Counter

import msgspec

from data.kafka.log import topic_names
from runtime.errors import Hint, NotFoundError
from runtime.readable import one_line
from runtime.settings import Settings
from segue.cli.console import messages, output, table
from segue.cli.dead_letter_table import ListedLetter, print_newest
from services.ingest import dead_letters
from services.ingest.dead_letters import IngestedDeadLetter


def list_them(topic: str, reason: str | None, limit: int, as_json: bool) -> None:
    """Show the number of a source topic's dead letters by reason, and the newest ones."""
    letters = [letter for letter in _letters(topic) if reason is None or reason.casefold() in letter.reason.casefold()]
    reasons = Counter(letter.reason for letter in letters).most_common(limit)
    newest = letters[::-1][:limit]
    if as_json:
        content = {
            "reasons": [{"reason": text, "waiting": count} for text, count in reasons],
            "dead_letters": [
                {
                    "topic": topic,
                    "log_id": letter.log_id,
                    "partition": letter.partition,
                    "offset": letter.offset,
                    "reason": letter.reason,
                    "key": one_line(letter.key),
                    "size": len(letter.value or b""),
                    "at": letter.at,
                    "id": letter.id,
                }
                for letter in newest
            ],
        }
        output.print_json(msgspec.json.encode(content).decode())
        return
    if not letters:
        messages.print(f"{topic} has no {'such ' if reason else ''}dead letters.", markup=False)
        return
    counts = [[text, f"{count:,}"] for text, count in reasons]
    output.print(table(f"Dead letters of {topic} by reason", ["reason", "records"], counts))
    print_newest(ListedLetter(each.id, each.at, each.key, len(each.value or b""), each.reason) for each in newest)


def find(topic: str, partition: int, offset: int) -> IngestedDeadLetter:
    """The newest dead letter of a source topic at an offset.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    found = [letter for letter in _letters(topic) if (letter.partition, letter.offset) == (partition, offset)]
    if not found:
        raise NotFoundError(f"{topic} has no dead letter {partition}:{offset}", Hint.LIST_DEAD_LETTERS)
    return found[-1]


def _letters(topic: str) -> list[IngestedDeadLetter]:
    settings = Settings()
    # A topic that is asked for would be created on some brokers.
    if settings.dead_letters_topic not in topic_names(settings.brokers):
        return []
    return [*dead_letters.of_topic(settings.brokers, settings.dead_letters_topic, topic).values()]
