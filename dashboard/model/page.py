"""The model page: the champion, all versions, what another model would change, and drift."""

from datetime import datetime

import pandas as pd
import streamlit as st
from sqlalchemy import Engine

from dashboard.model import figures, markup, queries
from dashboard.model.queries import Version
from dashboard.shared import elements, page, plotting, style, window_notes
from dashboard.shared.literal import escape
from dashboard.shared.page import Moment
from dashboard.shared.personas import Personas, personas
from models.compare import compare
from models.drift.observation import PREDICTIONS
from runtime.counts import many
from runtime.money import Money
from runtime.readable import visible

SUBTITLE = "The model that decides the segments, what another model would change, and drift since it was fitted."
MOST_MOVERS = 10
MOST_ALARMS = 12
BEFORE, AFTER = "model_before", "model_after"
#: The figure ends here: a population stability index beyond it only says that everything is different.
LARGE_PSI = 1.0
#: Aliases of the models to compare with first.
CANDIDATES = ("proposed", "challenger", "champion")


def show(engine: Engine, money: Money) -> None:
    """Draw the page; it does not refresh by itself."""
    page.show(engine, money, "Model & drift", SUBTITLE, _draw)


def _draw(moment: Moment) -> None:
    _champion(moment)
    found = queries.versions(moment.connection)
    _versions(found)
    _comparison(moment, found)
    _drift(moment)


def _champion(moment: Moment) -> None:
    model = moment.model
    st.html(elements.title("Champion") + markup.definition(model))
    left, right = st.columns([1.25, 1], gap="large", vertical_alignment="center")
    with left:
        st.html(elements.title("Segments", "A centroid is a segment's typical customer, in days, purchases and money."))
        st.html(markup.segments(model, moment.personas, queries.sizes(moment.connection), moment.money))
    with right:
        alt = "Centroids of all segments over recency, frequency and monetary value; the table has the numbers"
        st.plotly_chart(
            figures.parallel(model, moment.personas, moment.money),
            key="model_parallel",
            config=plotting.CONFIG,
            alt=alt,
        )
    _k_curve(model.metadata, len(model.segments))


def _k_curve(metadata: dict[str, object], chosen: int) -> None:
    curve = metadata.get("k_curve")
    if not isinstance(curve, list) or not all(isinstance(row, dict) and "k" in row for row in curve) or not curve:
        st.html(
            '<div class="sg-note">The number of segments was given, not chosen from a curve: '
            "<code>segue fit --k auto</code> records one.</div>"
        )
        return
    because = str(metadata.get("chosen_because") or "")
    st.html(elements.title("Choice of the number of segments", because[:300]))
    st.html('<div class="sg-note">Line: inertia (left). Bars: silhouette (right).</div>')
    figure = figures.k_curve(curve, chosen)
    st.plotly_chart(
        figure, key="model_k", config=plotting.CONFIG, alt=f"Inertia and silhouette by number of segments; {chosen}"
    )


def _versions(found: list[Version]) -> None:
    st.html(
        elements.title("Versions", "A version never changes. It becomes active through the log, not by a refit alone.")
    )
    known = [version for version in found if version.aliases or version.partitions]
    others = [version for version in found if version not in known]
    st.html(markup.versions(known))
    if others:
        with st.expander(f"{many(len(others), 'other version')}: earlier fits, refits and former challengers"):
            st.html(markup.versions(others))


def _comparison(moment: Moment, found: list[Version]) -> None:
    st.html(elements.title("What another model would change", "Comparing activates nothing."))
    if len(found) < 2:
        st.html(
            markup.nothing("There is only one model", "Fit a second one to compare them.", "segue fit --from-stream")
        )
        return
    # Models with an alias come first.
    by_version = {version.model.version: version for version in sorted(found, key=lambda each: not each.aliases)}
    champion = moment.model.version
    candidate = next(
        (v for alias in CANDIDATES for v in by_version if alias in by_version[v].aliases and v != champion),
        next(v for v in by_version if v != champion),
    )
    # Columns are below each other on a phone, where half of its width would cut the names of versions.
    left, right = st.columns(2)
    with left:
        before = _choose("From", BEFORE, by_version, champion)
    with right:
        after = _choose("To", AFTER, by_version, candidate)
    if before == after:
        st.html('<div class="sg-note">Choose two different versions.</div>')
        return
    _preview(moment, by_version[before], by_version[after])


def _choose(label: str, key: str, found: dict[str, Version], default: str) -> str:
    options = [*found]
    return st.selectbox(
        label,
        options,
        index=options.index(default) if default in options else 0,
        format_func=lambda v: visible(f"{v} ({', '.join(found[v].aliases)})" if found[v].aliases else v),
        key=key,
        persist_state="session",
    )


def _preview(moment: Moment, before: Version, after: Version) -> None:
    profiles, total = queries.profiles(moment.connection, moment.event_time, after.model.window_days)
    other = None
    if before.model.window_days != after.model.window_days:
        other = queries.profiles(moment.connection, moment.event_time, before.model.window_days)[0]
    if profiles.empty:
        st.html('<div class="sg-note">No customer has bought anything yet.</div>')
        return
    result = compare(profiles, before.model, after.model, other)
    moved, counted = len(result.movers), result.customers
    which = many(counted, "customer") if counted == total else f"a sample of {counted:,} of {many(total, 'customer')}"
    st.html(
        f'<div class="sg-headline" data-movers="{moved}" data-compared="{counted}">'
        f"<b>{style.percent(moved, counted)}</b>"
        f"<p>of {which} would be in another segment today: {many(moved, 'customer')}. "
        "If the model is activated, these changes are published with the cause “new model”.</p></div>"
    )
    first, second = personas(before.model), personas(after.model)
    order = [[*first], [*second]]
    matrix = result.matrix.reindex(index=order[0], columns=order[1])
    where, who = st.columns([1.2, 1], gap="large")
    with where:
        st.html(elements.title("Moves between segments", "Rows: first model. Columns: second model. Pale: no move."))
        figure = figures.moves_map(matrix, first, second)
        st.plotly_chart(figure, key="model_moves", config=plotting.CONFIG, alt=f"{moved} of {counted} would move")
    with who:
        note = window_notes.counted(after.model)
        st.html(elements.title("Customers who would move", f"The highest spend first. {note}".strip()))
        if moved:
            st.html(markup.movers(result.movers.head(MOST_MOVERS), first, second, moment.money, moment.as_of))
        else:
            st.html('<div class="sg-note">No customer would move.</div>')
    if after.model.version != moment.model.version:
        command = f"segue models activate {escape(after.model.version)}"
        st.html(f'<div class="sg-note">To activate it: <code>{command}</code></div>')


def _drift(moment: Moment) -> None:
    st.html(elements.title("Drift", "Recent customers and transactions beside those that the champion was fitted on."))
    seen = queries.observations(moment.connection, moment.model.version)
    raised = queries.alarms(moment.connection, MOST_ALARMS)
    if seen.empty:
        reason = "The drift watcher compares customers with those that the champion was fitted on. It has not run yet."
        st.html(markup.nothing("Drift has not been observed yet", reason, "segue drift watch"))
    else:
        _measures(seen, moment.personas, moment.money)
        _note_older_observations(seen, queries.observed_since(moment.connection, moment.model.version))
    if not raised.empty:
        st.html(elements.title("Alarms", "Of all models, the newest first."))
        st.html(markup.alarms(raised, moment.personas, moment.money))


def _note_older_observations(seen: pd.DataFrame, since: datetime | None) -> None:
    if since is not None and since < seen["window_end"].min():
        page.note_if(f"The last {queries.OBSERVED_DAYS:,} event days; observations began on {style.stamp(since)}.")


def _measures(seen: pd.DataFrame, known: Personas, money: Money) -> None:
    names = {name: persona.name for name, persona in known.items()}
    colours = {name: persona.colour for name, persona in known.items()}
    models = {"champion": "Champion", "challenger": "Challenger"}
    single = {"": "Today"}
    measures = (
        ("psi", "Stability index of R, F, M and segments", figures.FEATURE_COLOURS, figures.FEATURE_NAMES, ".2f"),
        ("distance", "Distance to the nearest centroid", figures.MODEL_COLOURS, single, ".2f"),
        ("share", "Customers by segment", colours, names, ".0%"),
        ("basket", markup.MEASURES["basket"], figures.MODEL_COLOURS, single, ",.0f"),
        ("newcomers", markup.MEASURES["newcomers"], figures.MODEL_COLOURS, single, ".0%"),
        ("returns", markup.MEASURES["returns"], figures.MODEL_COLOURS, single, ".0%"),
        ("predictions", markup.MEASURES["predictions"], figures.DAYS_COLOURS, figures.DAYS_NAMES, ".0%"),
        ("inertia", "Champion and challenger: mean squared distance", figures.MODEL_COLOURS, models, ".2f"),
        (
            "agreement",
            "Customers with the same segment under champion and challenger",
            figures.MODEL_COLOURS,
            single,
            ".0%",
        ),
    )
    present = [measure for measure in measures if (seen["measure"] == measure[0]).any()]
    newest = seen[seen["window_end"] == seen["window_end"].max()]
    alarmed = int(newest["alarm"].sum())
    st.html(
        f'<div class="sg-note">Up to {style.stamp(seen["window_end"].max())}: '
        f"{'<b>' + many(alarmed, 'measure') + ' in alarm</b>' if alarmed else 'nothing is in alarm'}. "
        "Dotted line: reference. Dashed line: threshold. Dot: an alarm was raised.</div>"
    )
    for pair in (present[at : at + 2] for at in range(0, len(present), 2)):
        for column, (measure, title, tints, words, form) in zip(st.columns(2, gap="large"), pair, strict=False):
            with column:
                rows = seen[seen["measure"] == measure]
                shown = {name: words[name] for name in words if name in set(rows["name"]) and name}
                st.html(elements.title(title) + markup.legend(shown, tints))
                ceiling = LARGE_PSI if measure == "psi" else None
                amounts = money if measure == "basket" else None
                if measure == PREDICTIONS:
                    # The threshold is on the side of the value: as a line it would jump.
                    rows = rows.assign(threshold=None)
                figure = figures.drift_lines(rows, tints, words, form, ceiling, amounts)
                st.plotly_chart(figure, key=f"model_{measure}", config=plotting.CONFIG, alt=f"{title} over event time")
