"""A history in plain words, one line for each thing that happened."""

from collections.abc import Iterator

from sim.history import HistoryPlan, Result
from sim.meanings import Bad, Forget, KnownRecord, NewModel, Order, TickAt


def story(plan: HistoryPlan, result: Result) -> Iterator[str]:
    """The lines of a story: what was sent, what happened, and what is wrong in the end."""
    workload = plan.workload
    model = "no model" if workload.champion is None else f"the champion {workload.champion.version}"
    rhythms = sum("rhythm" in model.metadata for model in workload.models)
    signed = "signed" if workload.control_keys else "unsigned"
    yield (
        f"Seed {plan.seed}: {plan.workers} workers, batches of {workload.shape.batch_size}, {model}, {rhythms} models "
        f"with a rhythm, {signed} control records, {len(plan.faults)} faults."
    )
    lines = [(event.at, f"{event.process or 'world'}: {event.text}") for event in result.events if event.shown]
    for arrival in workload.arrivals:
        what = ", ".join(in_words(entry) for entry in arrival.entries)
        how = {"plain": "", "committed": ", in a Kafka transaction", "aborted": ", in a transaction that is aborted"}
        lines.append((arrival.at, f"partition {arrival.partition} gets {what}{how[arrival.mode]}"))
    for at, text in sorted(lines, key=lambda line: line[0]):
        yield f"{at:8.3f} s  {text}"


def in_words(entry: KnownRecord) -> str:
    """A record in a few words."""
    meaning = entry.meaning
    if isinstance(meaning, Order):
        revision = f", revision {meaning.revision}" if meaning.revision else ""
        return f"{meaning.kind} {meaning.transaction} of {meaning.customer}{revision}"
    if isinstance(meaning, TickAt):
        return "a tick"
    if isinstance(meaning, NewModel):
        return f"the model {meaning.model.version}"
    if isinstance(meaning, Forget):
        return f"the erasure of {meaning.customer}"
    assert isinstance(meaning, Bad)  # noqa: S101 - there is no other
    return f"a record that can't be applied ({meaning.customer or 'no customer'})"
