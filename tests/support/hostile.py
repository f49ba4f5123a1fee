"""A stream in which every stored text is hostile."""

import re

import msgspec
from sqlalchemy import Engine, insert, text

from data.postgres import replay_control
from data.postgres.replay_control import Heartbeat
from data.postgres.tables import dead_letters, transactions
from models.segment_model import SegmentModel, build
from tests.support.generated_tables import EVENT_TIME, a_model, a_stream, store

# A picture in Markdown, a tag, a template of Plotly, a formula, a picture of Streamlit, and hidden characters.
HOSTILE = "![p](http://x.invalid/p.png)<img src=x onerror=alert(1)>%{x}$a$ :material/home:\u202e\u2066\u2028\u200b"
#: The same within the 64 characters of an id.
ID = "<img src=x>![p](//x/p)%{x}\u202e\u2028\u200b"
HIDDEN = re.compile("[\u202a-\u202e\u2066-\u2069\u2028\u2029\u200b]")


def hostile_model() -> SegmentModel:
    """A model whose personas have hostile names, descriptions and actions."""
    plain = a_model()
    segments = [
        msgspec.structs.replace(each, name=f"{number}{HOSTILE}", description=HOSTILE, action=HOSTILE)
        for number, each in enumerate(plain.segments)
    ]
    return build(plain.monetary, plain.transform, plain.means, plain.scales, tuple(segments), {"note": HOSTILE})


def fill(engine: Engine) -> None:
    """Create the tables and fill them."""
    model = hostile_model()
    store(engine, model, a_stream(model))
    with engine.begin() as connection:
        for statement in (
            "UPDATE customers SET customer_id = customer_id || :id, country = :country",
            "UPDATE segment_changes SET customer_id = customer_id || :id, transaction_id = :id",
            "UPDATE stream_progress SET owner = :id, failure = :id",
        ):
            connection.execute(text(statement), {"id": ID, "country": ID} if "country" in statement else {"id": ID})
        sale = {"occurred_at": EVENT_TIME.replace(day=1), "kind": "sale", "amount": 5, "country": ID}
        rows = connection.execute(text("SELECT customer_id FROM customers")).scalars().all()
        connection.execute(insert(transactions), [sale | {"customer_id": row, "transaction_id": ID} for row in rows])
        letter = {"log_id": ID, "partition": 0, "offset": 1, "reason": HOSTILE, "key": ID.encode()}
        connection.execute(insert(dead_letters), letter | {"value": HOSTILE.encode()})
    replay_control.begin(engine, HOSTILE, Heartbeat("running", EVENT_TIME, 250, 1_000, 40, 86_400.0))
