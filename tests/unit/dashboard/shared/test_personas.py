"""Names and colours of segments."""

from dashboard.shared.personas import NEUTRAL, NEW_CUSTOMER, look_up, personas
from tests.support.stored import a_model


def test_personas_come_from_the_model_and_run_from_the_best_to_the_worst() -> None:
    model = a_model()
    known = personas(model)
    assert {(p.id, p.name, p.colour) for p in known.values()} == {(s.id, s.name, s.colour) for s in model.segments}
    recency = [next(s.centroid[0] for s in model.segments if s.id == segment) for segment in known]
    assert recency == sorted(recency)


def test_a_segment_of_an_earlier_model_is_named_after_its_id() -> None:
    persona = look_up(personas(a_model()), "big_spenders")
    assert (persona.name, persona.colour) == ("Big Spenders", NEUTRAL)


def test_no_segment_is_a_new_customer() -> None:
    assert look_up(personas(a_model()), "") == look_up({}, None) == NEW_CUSTOMER
