"""What is known of the first next change of a partition: it may be too early, and never too late."""

import numpy as np

from models.decay import NEVER
from stream_app.core.columns import LONG_AGO
from stream_app.storage.next_due import NextDue

NOBODY = np.array([], dtype=np.int64)


def test_at_first_anybody_may_be_due() -> None:
    assert not NextDue().is_after(LONG_AGO)


def test_no_customer_is_due_before_the_first_next_change_that_is_stored() -> None:
    due = NextDue()
    due.stored(100)
    assert due.is_after(99)
    assert not due.is_after(100)


def test_no_customer_is_ever_due_when_none_has_a_next_change() -> None:
    due = NextDue()
    due.stored(None)
    assert due.is_after(NEVER - 1)


def test_customers_who_are_saved_may_be_due_earlier_and_never_later() -> None:
    due = NextDue()
    due.stored(100)
    due.saving(np.array([200, 50]))
    assert not due.is_after(50)
    due.saving(np.array([300]))
    due.saving(NOBODY)
    assert not due.is_after(50)
    assert due.is_after(49)


def test_what_was_known_is_forgotten_with_the_claim() -> None:
    due = NextDue()
    due.stored(100)
    due.forget()
    due.saving(np.array([200]))
    assert not due.is_after(0)
