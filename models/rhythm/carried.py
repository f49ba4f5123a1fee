"""The rhythm model that a segment model carries in its metadata, so that both are registered and activated together.

Metadata has no effect on segments or on the version, so readers that know no rhythm ignore it.
"""

import msgspec

from models.rhythm.rhythm_model import RhythmError, RhythmModel, rhythm_from_json, rhythm_to_json
from models.segment_model import SegmentModel

#: The key in a segment model's metadata.
METADATA_KEY = "rhythm"
#: The key of the version of the champion from which a segment model has its rhythm model, if it has none of its own.
KEPT_KEY = "rhythm_kept_from"


def carrying(model: SegmentModel, rhythm: RhythmModel) -> SegmentModel:
    """The same segment model with this rhythm model in its metadata, as plain JSON values."""
    plain = msgspec.json.decode(rhythm_to_json(rhythm))
    return msgspec.structs.replace(model, metadata={**model.metadata, METADATA_KEY: plain})


def rhythm_of(model: SegmentModel) -> RhythmModel | None:
    """The rhythm model in a segment model's metadata; None if there is none, or if it can't be used."""
    found = model.metadata.get(METADATA_KEY)
    if found is None:
        return None
    try:
        return rhythm_from_json(msgspec.json.encode(found))
    except RhythmError:
        return None


def keeping(model: SegmentModel, champion: SegmentModel) -> SegmentModel:
    """The same segment model with the champion's rhythm model and the version that it is from, if there is one."""
    found = champion.metadata.get(METADATA_KEY)
    if found is None:
        return model
    kept = {METADATA_KEY: found, KEPT_KEY: champion.metadata.get(KEPT_KEY, champion.version)}
    return msgspec.structs.replace(model, metadata={**model.metadata, **kept})
