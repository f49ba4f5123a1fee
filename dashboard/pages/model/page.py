"""The model page: what decides the segments, what another model would change, and whether the world has moved."""

from datetime import datetime
from functools import partial

import pandas as pd
import streamlit as st
from sqlalchemy import Engine

from dashboard.pages.model import figures as charts
from dashboard.pages.model import markup as own
from dashboard.pages.model import queries
from dashboard.pages.model.queries import Version
from dashboard.shared import elements, page, plotting, style
from dashboard.shared.page import Moment
from dashboard.shared.personas import Personas, personas
from dashboard.shared.words import many
from models.compare import compare

NOTE = (
    "What decides the segments, what another model would change, and whether the world has moved since it was fitted."
)
MOST_MOVERS = 10
MOST_ALARMS = 12
BEFORE, AFTER = "model_before", "model_after"
#: A population stability index beyond this says no more than that everything is different.
LARGE_PSI = 1.0
#: Aliases of models that somebody may want to activate, the most likely first.
CANDIDATES = ("proposed", "challenger", "champion")


def show(engine: Engine) -> None:
    """The page; it does not draw itself anew."""
    page.show(engine, "Model & drift", NOTE, partial(_draw))


def _draw(moment: Moment) -> None:
    _champion(moment)
    found = queries.versions(moment.connection)
    _versions(found)
    _comparison(moment, found)
    _drift(moment)


def _champion(moment: Moment) -> None:
    model = moment.model
    st.html(elements.title("Champion") + own.definition(model))
    left, right = st.columns([1.25, 1], gap="large", vertical_alignment="center")
    with left:
        st.html(elements.title("Segments", "A centre is what its customers are like, in days, purchases and pounds."))
        st.html(own.segments(model, moment.personas, queries.sizes(moment.connection)))
    with right:
        alt = "Centres of all segments over recency, frequency and monetary value; the table beside has the numbers"
        st.plotly_chart(charts.parallel(model, moment.personas), key="model_parallel", config=plotting.CONFIG, alt=alt)
    _k_curve(model.metadata, len(model.segments))


def _k_curve(metadata: dict[str, object], chosen: int) -> None:
    curve = metadata.get("k_curve")
    if not isinstance(curve, list) or not all(isinstance(row, dict) and "k" in row for row in curve) or not curve:
        st.html(
            '<div class="sg-note">Its k was given, not chosen: <code>segue fit --k auto</code> keeps the curve.</div>'
        )
        return
    because = str(metadata.get("chosen_because") or "")
    st.html(elements.title("Why so many segments", because[:300]))
    st.html('<div class="sg-note">Line: inertia (left). Bars: silhouette (right).</div>')
    figure = charts.k_curve(curve, chosen)
    st.plotly_chart(
        figure, key="model_k", config=plotting.CONFIG, alt=f"Inertia and silhouette by number of segments; {chosen}"
    )


def _versions(found: list[Version]) -> None:
    st.html(elements.title("Versions", "Immutable; activated through the log, never by a refit alone."))
    known = [version for version in found if version.aliases or version.partitions]
    others = [version for version in found if version not in known]
    st.html(own.versions(known))
    if others:
        with st.expander(
            f"{many(len(others), 'other version')}: earlier fits, refits and what the challenger once was"
        ):
            st.html(own.versions(others))


def _comparison(moment: Moment, found: list[Version]) -> None:
    st.html(elements.title("What another model would change", "Nothing is activated by looking."))
    if len(found) < 2:
        st.html(
            own.nothing("There is only one model", "A second one can be compared with it.", "segue fit --from-stream")
        )
        return
    # Those that an alias points to are what people look for.
    by_version = {version.model.version: version for version in sorted(found, key=lambda each: not each.aliases)}
    champion = moment.model.version
    candidate = next(
        (v for alias in CANDIDATES for v in by_version if alias in by_version[v].aliases and v != champion),
        next(v for v in by_version if v != champion),
    )
    with st.container(horizontal=True):
        before = _choose("From", BEFORE, by_version, champion)
        after = _choose("To", AFTER, by_version, candidate)
    if before == after:
        st.html('<div class="sg-note">Choose two different versions.</div>')
        return
    _preview(moment, by_version[before], by_version[after])


def _choose(label: str, key: str, found: dict[str, Version], usual: str) -> str:
    options = [*found]
    return st.selectbox(
        label,
        options,
        index=options.index(usual) if usual in options else 0,
        format_func=lambda v: f"{v} ({', '.join(found[v].aliases)})" if found[v].aliases else v,
        key=key,
        persist_state="session",
    )


def _preview(moment: Moment, before: Version, after: Version) -> None:
    now = moment.progress.event_time
    assert now is not None  # noqa: S101 - the page is drawn where there is an event time only
    profiles, everybody = queries.profiles(moment.connection, now)
    if profiles.empty:
        st.html('<div class="sg-note">Nobody has bought anything yet.</div>')
        return
    result = compare(profiles, before.model, after.model)
    moved, counted = len(result.movers), result.customers
    of = f"{counted:,} customers" if counted == everybody else f"a sample of {counted:,} of {everybody:,} customers"
    st.html(
        f'<div class="sg-headline" data-movers="{moved}" data-compared="{counted}">'
        f"<b>{style.percent(moved, counted)}</b>"
        f"<p>of {of} would be in another segment today: {many(moved, 'customer')}. "
        "Activating the model tells every subscriber so, with the cause “new model”.</p></div>"
    )
    first, second = personas(before.model), personas(after.model)
    order = [[*first], [*second]]
    matrix = result.matrix.reindex(index=order[0], columns=order[1])
    where, who = st.columns([1.2, 1], gap="large")
    with where:
        st.html(elements.title("From where to where", "Rows: as now. Columns: under the other model. Pale: stays."))
        figure = charts.moves_map(matrix, first, second)
        st.plotly_chart(figure, key="model_moves", config=plotting.CONFIG, alt=f"{moved} of {counted} would move")
    with who:
        st.html(elements.title("Who moves", "The biggest spenders first."))
        if moved:
            st.html(own.movers(result.movers.head(MOST_MOVERS), first, second))
        else:
            st.html('<div class="sg-note">Nobody.</div>')
    if after.model.version != moment.model.version:
        st.html(
            f'<div class="sg-note">To put it in force: <code>segue models activate {after.model.version}</code></div>'
        )


def _drift(moment: Moment) -> None:
    st.html(elements.title("Drift", "What recent customers look like to the champion, beside what it was fitted on."))
    seen = queries.observations(moment.connection, moment.model.version)
    raised = queries.alarms(moment.connection, MOST_ALARMS)
    if seen.empty:
        reason = "Nobody is watching whether customers still look as they did when the champion was fitted."
        st.html(own.nothing("Drift has not been observed yet", reason, "segue drift watch"))
    else:
        _measures(seen, moment.personas)
        _what_is_left_out(seen, queries.observed_since(moment.connection, moment.model.version))
    if not raised.empty:
        st.html(elements.title("Alarms", "The newest first, of all models."))
        st.html(own.alarms(raised, moment.personas))


def _what_is_left_out(seen: pd.DataFrame, since: datetime | None) -> None:
    if since is not None and since < seen["window_end"].min():
        page.say_if(f"The last {queries.OBSERVED_DAYS:,} event days; it has been observed since {style.stamp(since)}.")


def _measures(seen: pd.DataFrame, known: Personas) -> None:
    names = {name: persona.name for name, persona in known.items()}
    colours = {name: persona.colour for name, persona in known.items()}
    models = {"champion": "Champion", "challenger": "Challenger"}
    single = {"": "Today"}
    figures = (
        ("psi", "Stability index of R, F, M and segments", charts.FEATURE_COLOURS, charts.FEATURE_NAMES, ".2f"),
        ("distance", "Distance to the nearest centre", charts.MODEL_COLOURS, single, ".2f"),
        ("share", "Customers by segment", colours, names, ".0%"),
        ("basket", own.MEASURES["basket"], charts.MODEL_COLOURS, single, ",.0f"),
        ("newcomers", own.MEASURES["newcomers"], charts.MODEL_COLOURS, single, ".0%"),
        ("returns", own.MEASURES["returns"], charts.MODEL_COLOURS, single, ".0%"),
        ("inertia", "Champion and challenger: mean squared distance", charts.MODEL_COLOURS, models, ".2f"),
        ("agreement", "Customers whom champion and challenger see alike", charts.MODEL_COLOURS, single, ".0%"),
    )
    present = [figure for figure in figures if (seen["measure"] == figure[0]).any()]
    newest = seen[seen["window_end"] == seen["window_end"].max()]
    alarmed = int(newest["alarm"].sum())
    st.html(
        f'<div class="sg-note">Up to {style.stamp(seen["window_end"].max())}: '
        f"{'<b>' + many(alarmed, 'measure') + ' in alarm</b>' if alarmed else 'nothing is in alarm'}. "
        "Dotted: what it was before. Dashed: where it begins to count. A dot: an alarm was raised.</div>"
    )
    for pair in (present[at : at + 2] for at in range(0, len(present), 2)):
        for column, (measure, title, tints, words, form) in zip(st.columns(2, gap="large"), pair, strict=False):
            with column:
                rows = seen[seen["measure"] == measure]
                shown = {name: words[name] for name in words if name in set(rows["name"]) and name}
                st.html(elements.title(title) + own.legend(shown, tints))
                figure = charts.drift_lines(rows, tints, words, form, LARGE_PSI if measure == "psi" else None)
                st.plotly_chart(figure, key=f"model_{measure}", config=plotting.CONFIG, alt=f"{title} over event time")
