"""The simulator's upload: a CSV file of profiles in, the same file with segments out."""

import pandas as pd
import streamlit as st
from sqlalchemy import Engine

from dashboard.shared import downloads, elements
from dashboard.shared.literal import escape
from dashboard.shared.personas import Personas, look_up
from dashboard.simulator import uploads
from models.segment_model import SegmentModel
from models.window_text import last_days
from runtime.counts import many
from runtime.money import Money

FILE, CSV = "simulator_file", "text/csv"
SEGMENTS = "segue-segments.csv"
LATEST = (
    "The profiles do not say when each order leaves {}: the next changes count all of them until the last one does."
)


def draw(engine: Engine, model: SegmentModel, known: Personas, money: Money) -> None:
    """Draw the template, the upload and its result."""
    limits = f"up to {uploads.MOST_PROFILES:,} profiles, {uploads.MOST_MEGABYTES} MB"
    columns = ", ".join(f"`{name}`" for name in uploads.COLUMNS).replace("`", "")
    st.html(
        elements.title(
            "Segment a file",
            f"CSV with the columns {columns}, or the file of the page Segments; other columns are kept; {limits}. "
            f"Money is in {money.currency}. Nothing is stored.",
        )
    )
    st.download_button(
        "Download a template", uploads.TEMPLATE, "segue-profiles.csv", CSV, on_click="ignore", key="simulator_template"
    )
    file = st.file_uploader("Profiles as CSV", type="csv", key=FILE, max_upload_size=uploads.MOST_MEGABYTES)
    if file is None:
        return
    try:
        found = uploads.segmented(model, uploads.read(file.getvalue(), model, money.currency))
    except uploads.UploadError as error:
        st.html(f'<div class="sg-banner" role="alert"><b>{escape(file.name)}</b>: {escape(str(error))}</div>')
        return
    st.html(_counts(found, known))
    if model.window_days is not None:
        st.html(elements.note(LATEST.format(last_days(model.window_days))))
    st.download_button(
        "Download the segments",
        downloads.of_frame(
            engine, downloads.File(SEGMENTS, {"model": model.version}), found.assign(currency=money.currency)
        ),
        SEGMENTS,
        CSV,
        on_click="ignore",
        key="simulator_segments",
        type="primary",
    )


def _counts(found: pd.DataFrame, known: Personas) -> str:
    sizes = found["segment"].value_counts()
    ordered = [segment for segment in known if segment in sizes.index]
    marks = " · ".join(f"{elements.segment_dot(look_up(known, each))} {sizes[each]:,}" for each in ordered)
    return f'<div class="sg-note" data-segmented="{len(found)}">{many(len(found), "profile")} segmented: {marks}</div>'
