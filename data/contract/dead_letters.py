"""What a dead letter says of its record, whatever process writes it: the reason in one line, and the headers."""

from data.contract.wire import Headers

_REASON_LENGTH = 500


def one_line_reason(reason: str) -> str:
    """A reason in one line of at most 500 characters that can be printed and stored.

    A reason may quote the record, which can hold characters that Postgres does not store.
    """
    line = " ".join(reason.split())[:_REASON_LENGTH]
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)


def dead_letter_headers(reason: str, topic: str, partition: int, offset: int, log_id: str) -> Headers:
    """The headers of a dead letter (:class:`data.contract.events.DeadLetterHeaders`).

    ``reason`` is one line; the rest is the place of the record.
    """
    texts = {
        "segue-reason": reason,
        "segue-topic": topic,
        "segue-partition": str(partition),
        "segue-offset": str(offset),
        "segue-log-id": log_id,
    }
    return [(name, text.encode()) for name, text in texts.items()]
