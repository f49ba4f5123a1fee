"""The life of an assigned partition: its states, what may happen in each, and what is allowed in each. Pure.

A worker has one life for each assigned partition: it begins with the assignment and ends with the release. The lives of
two partitions know nothing of each other. None begins between a revocation and the next assignment, which only
``partitions/assignment.py`` knows. Who sees what:

- The partition task (``partitions/partition_task.py``) drives the life: it does in each state what the state is for,
  and reports what happens.
- The units of work (``partitions/units_of_work.py``) report activated models, and that all customers are rescored.
- Metrics and health (``partition_status.py``) see the state after each event, and change nothing.
- Record buffer, publisher and relay are passive: they never see the life. A relay that finds another owner stops, which
  the partition task reports before its next micro-batch.
- Other tasks only ask for a stop, or for a check of the log. The partition task answers between two micro-batches.

An event that is not in :data:`TRANSITIONS` is a fault of the program: :class:`LifeError`, which fails the partition.
docs/mechanisms/progress.md shows the table as a diagram; ``python -m stream_app.partition_life_page`` draws it.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """A state of a partition's life."""

    ASSIGNED = "assigned"
    """The consumer group has assigned the partition to this worker; nothing has begun."""
    REFUSED = "refused"
    """The partition was added to the log after the worker had started: it is never claimed."""
    CLAIMING = "claiming"
    """The worker connects to Postgres and claims the partition, again and again until that succeeds."""
    TAKING_OVER = "taking over"
    """The claim holds. Progress is compared with the log, and the log is read from the next offset."""
    COLLECTING = "collecting"
    """Records are applied without a model."""
    RESCORING = "rescoring"
    """Records are applied. Between two micro-batches, customers who may be under an older model are rescored."""
    RUNNING = "running"
    """Records are applied, and every customer is under the active model."""
    RESUMING = "resuming"
    """After a fault the progress is read again, and the log from the next offset; the claim still holds."""
    FENCED = "fenced"
    """Another worker has claimed the partition. This one waits as long as a rebalance needs."""
    STOPPING = "stopping"
    """Nothing is applied any more. Committed changes are published, and the published position is saved."""
    ENDED = "ended"
    """The worker has nothing to do with the partition any more."""

    @property
    def holds_claim(self) -> bool:
        """Whether the worker has claimed the partition: a fault must not lead to another claim."""
        return self in _HOLD_CLAIM

    @property
    def is_claimed(self) -> bool:
        """Whether records are taken and changes published; health counts the partition as claimed."""
        return self in _CLAIMED

    @property
    def applies(self) -> bool:
        """Whether records are applied."""
        return self in _APPLY


_APPLY = frozenset({State.COLLECTING, State.RESCORING, State.RUNNING})
_CLAIMED = _APPLY | {State.RESUMING, State.STOPPING}
_HOLD_CLAIM = _CLAIMED | {State.TAKING_OVER}


class Event(StrEnum):
    """Something that happens in a partition's life."""

    BEGUN = "begun"
    """The partition task runs."""
    REFUSED = "refused"
    """The log has more partitions than when the worker started, and this is one of them."""
    CLAIMED = "claimed"
    """Postgres has raised the fencing epoch for this worker."""
    READY = "ready"
    """Everything is loaded, and the log is read from the next offset; there is a model."""
    READY_WITHOUT_MODEL = "ready without a model"
    """As :attr:`READY`, but there is no model yet."""
    ACTIVATED = "model activated"
    """A model decides the segments from here on."""
    ALL_RESCORED = "all rescored"
    """No customer is under an older model."""
    FAILED = "failed"
    """Something has failed; what the state is for is tried again after a back-off."""
    FENCED = "fenced"
    """Postgres or the relay says that another worker has claimed the partition."""
    WAITED = "waited"
    """The consumer group has had the time to revoke the partition, and has not done so."""
    STOPPED = "stopped"
    """The partition task was asked to stop, or cancelled, and no longer runs."""
    PUBLISHED = "published"
    """All changes are published, or the time for that is over."""


TRANSITIONS: Mapping[State, Mapping[Event, State]] = {
    State.ASSIGNED: {
        Event.BEGUN: State.CLAIMING,
        Event.REFUSED: State.REFUSED,
        Event.STOPPED: State.ENDED,
    },
    State.REFUSED: {
        Event.STOPPED: State.ENDED,
    },
    State.CLAIMING: {
        Event.CLAIMED: State.TAKING_OVER,
        Event.FAILED: State.CLAIMING,
        Event.STOPPED: State.ENDED,
    },
    State.TAKING_OVER: {
        Event.READY: State.RESCORING,
        Event.READY_WITHOUT_MODEL: State.COLLECTING,
        Event.FAILED: State.TAKING_OVER,
        Event.FENCED: State.FENCED,
        Event.STOPPED: State.ENDED,
    },
    State.COLLECTING: {
        Event.ACTIVATED: State.RESCORING,
        Event.FAILED: State.RESUMING,
        Event.FENCED: State.FENCED,
        Event.STOPPED: State.STOPPING,
    },
    # A model can't be activated here: no customer skips a model.
    State.RESCORING: {
        Event.ALL_RESCORED: State.RUNNING,
        Event.FAILED: State.RESUMING,
        Event.FENCED: State.FENCED,
        Event.STOPPED: State.STOPPING,
    },
    State.RUNNING: {
        Event.ACTIVATED: State.RESCORING,
        Event.FAILED: State.RESUMING,
        Event.FENCED: State.FENCED,
        Event.STOPPED: State.STOPPING,
    },
    State.RESUMING: {
        Event.READY: State.RESCORING,
        Event.READY_WITHOUT_MODEL: State.COLLECTING,
        Event.FAILED: State.RESUMING,
        Event.FENCED: State.FENCED,
        Event.STOPPED: State.STOPPING,
    },
    State.FENCED: {
        Event.WAITED: State.CLAIMING,
        Event.FAILED: State.FENCED,
        Event.STOPPED: State.ENDED,
    },
    # A partition task that was cancelled may still fail while its Postgres transaction is rolled back.
    State.STOPPING: {
        Event.PUBLISHED: State.ENDED,
        Event.FAILED: State.STOPPING,
        Event.STOPPED: State.STOPPING,
    },
    State.ENDED: {
        Event.FAILED: State.ENDED,
        Event.STOPPED: State.ENDED,
    },
}
"""The state after each event that is possible in a state."""


class LifeError(RuntimeError):
    """An event that is impossible in the state of the partition's life."""


class Transition(NamedTuple):
    """An event, and the states before and after it."""

    before: State
    event: Event
    after: State

    def __str__(self) -> str:
        return f"{self.before} → {self.after}: {self.event}"


def next_state(state: State, event: Event) -> State:
    """The state after an event.

    Raises
    ------
    LifeError
        If the event is impossible in the state.
    """
    after = TRANSITIONS[state].get(event)
    if after is None:
        raise LifeError(f"impossible in the life of a partition: {event} while {state}")
    return after


class Life:
    """The life of one assigned partition; ``moved`` is called after each transition.

    Attributes
    ----------
    state
        The state after the last event.
    """

    def __init__(self, moved: Callable[[Transition], None]) -> None:
        self.state = State.ASSIGNED
        self._moved = moved

    def on(self, event: Event) -> None:
        """Go on to the state after an event.

        Raises
        ------
        LifeError
            If the event is impossible; the state stays.
        """
        before = self.state
        self.state = next_state(before, event)
        self._moved(Transition(before, event, self.state))

    def require_applying(self) -> None:
        """Make sure that records may be applied.

        Raises
        ------
        LifeError
            If the state does not allow it.
        """
        if not self.state.applies:
            raise LifeError(f"impossible in the life of a partition: a commit while {self.state}")
