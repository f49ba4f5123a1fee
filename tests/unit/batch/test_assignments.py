"""The list of customers and segments says what the model says, with exact amounts."""

from decimal import Decimal

from batch.assignments import assignments
from batch.profiles import profiles_as_of
from batch.scorer import Scorer
from models.units import to_money_units
from tests.support.generated_tables import a_model
from tests.support.retail import retail


def test_every_customer_has_the_segment_that_scikit_learn_predicts() -> None:
    profiles = profiles_as_of(retail().transactions, retail().report.last)
    model = a_model()
    found = assignments(profiles, model)
    assert found["customer"].tolist() == profiles.index.tolist()
    assert found["segment"].tolist() == Scorer.of(model).scored(profiles)["segment"].tolist()
    names = {segment.id: segment.name for segment in model.segments}
    assert found["name"].tolist() == [names[segment] for segment in found["segment"]]


def test_amounts_are_exact() -> None:
    profiles = profiles_as_of(retail().transactions, retail().report.last)
    found = assignments(profiles, a_model())
    exact = found["gross"].map(lambda amount: to_money_units(Decimal(amount)))
    assert exact.tolist() == profiles["gross_units"].tolist()


def test_without_customers_the_list_is_empty() -> None:
    profiles = profiles_as_of(retail().transactions, retail().report.last)
    assert len(assignments(profiles.head(0), a_model())) == 0
