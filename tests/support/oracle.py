"""The oracle: a customer's history found day by day with scikit-learn, without closed form, batches or columns.

For every transaction of a customer, and for every whole day since the last purchase in between, it asks a
scikit-learn pipeline for the segment, and writes down each time that the answer differs from the one before.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

DAY = timedelta(days=1)


class Question(NamedTuple):
    """A moment at which a customer's segment is looked up."""

    customer: str
    moment: datetime
    cause: str
    recency: int
    frequency: int
    monetary: float


class Answer(NamedTuple):
    """A segment change; segments by number."""

    customer: str
    from_segment: int | None
    to_segment: int
    cause: str
    effective_at: datetime


def histories(transactions: pd.DataFrame, pipeline: Pipeline, until: datetime) -> list[Answer]:
    """Every change of every customer up to a moment, customer by customer.

    ``transactions`` has customer_id, occurred_at, kind and amount_units, in order of time.
    """
    questions = [
        question
        for customer, own in transactions.groupby("customer_id", sort=True)
        for question in _questions(str(customer), own, until)
    ]
    points = np.array([[q.recency, q.frequency, q.monetary] for q in questions], dtype=np.float64)
    answers: list[Answer] = []
    customer, segment = None, None
    for question, number in zip(questions, pipeline.predict(points).tolist(), strict=True):
        if question.customer != customer:
            customer, segment = question.customer, None
        if number != segment:
            cause = "first_purchase" if segment is None else question.cause
            answers.append(Answer(question.customer, segment, number, cause, question.moment))
            segment = number
    return answers


def _questions(customer: str, own: pd.DataFrame, until: datetime) -> Iterator[Question]:
    frequency, spent, last = 0, 0, None
    rows = list(zip(own["occurred_at"].dt.to_pydatetime(), own["kind"], own["amount_units"].tolist(), strict=True))
    for index, (moment, kind, amount) in enumerate(rows):
        if kind == "sale":
            frequency, spent, last = frequency + 1, spent + amount, moment
        else:
            spent -= amount
        if last is None:
            continue
        monetary = max(spent, 0) / 10_000
        cause = "purchase" if kind == "sale" else "return"
        yield Question(customer, moment, cause, (moment - last).days, frequency, monetary)
        end = rows[index + 1][0] if index + 1 < len(rows) else until
        for days in range((moment - last).days + 1, (end - last).days + 1):
            yield Question(customer, last + days * DAY, "decay", days, frequency, monetary)
