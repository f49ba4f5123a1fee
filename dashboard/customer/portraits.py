"""A stored profile, or one of the past, as what the header of the customer page shows."""

from datetime import datetime

from dashboard.customer.markup import Portrait
from dashboard.shared.predicted import predicted
from dashboard.shared.profiles import Profile, spend_before_floor
from dashboard.shared.rhythm import of_profile
from data.postgres.counted import Counted
from models.rhythm.carried import rhythm_of
from models.segment_model import SegmentModel


def portrait_of(
    found: Profile, counted: Counted, model: SegmentModel, event_time: datetime, is_settled: bool = True
) -> Portrait:
    """A profile as of event time, with R, F and M as the model sees them; ``counted`` is what it counts."""
    rhythm = rhythm_of(model)
    moment = max(event_time, found.last_event_at)
    bought = found.last_purchase_at or (found.last_event_at if found.segment else None)
    return Portrait(
        customer_id=found.customer_id,
        country=found.country,
        segment=found.segment,
        since=found.segment_since,
        recency_days=(moment - bought).days if bought else None,
        frequency=counted.frequency,
        monetary=max(float(spend_before_floor(counted, model)), 0.0),
        first_purchase_at=found.first_purchase_at,
        next_change_at=found.next_change_at,
        next_segment=found.next_segment,
        rhythm=None if rhythm is None else of_profile(rhythm, found, moment),
        is_settled=is_settled,
        has_bought=found.frequency > 0,
        all_cancelled=found.segment is not None and found.last_purchase_at is None,
        window_days=model.window_days,
        predicted=None if rhythm is None else predicted(rhythm, found, moment),
    )
