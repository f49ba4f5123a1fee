"""The file of an audience: one row a customer, with the columns of an uploaded file, which is never stored."""

import re
from collections.abc import Iterable
from functools import partial
from io import StringIO

import streamlit as st
from sqlalchemy import Connection, Engine

from dashboard.audiences.found import FoundAudience
from dashboard.shared import access, controls, downloads, elements, page, refreshed
from dashboard.shared.downloads import File, FileContent
from dashboard.shared.literal import escape
from dashboard.shared.page import Moment
from dashboard.shared.reading import progress, reading
from data.datasets import pass_through
from data.datasets.cells import DataError
from data.datasets.pass_through import PassThrough
from data.postgres import model_registry
from data.postgres.audience_members import AudienceMoment, FoundMembers, parts
from models.audience import AudienceDefinition
from models.audience_text import to_text
from models.rhythm.carried import rhythm_of
from runtime.counts import many
from services.audience_files import About, Use, left_out, write

# Keys of the session state.
USE, FILE = "audience_use", "audience_file"
USES = {"spreadsheets": "For spreadsheets", "systems": "For other systems"}
MOST_MEGABYTES = 50


def draw(
    engine: Engine, moment: Moment, definition: AudienceDefinition, found: FoundAudience, opened: str | None
) -> None:
    """Draw what the file is for, the upload, and the button."""
    with st.expander("Download one row a customer, with names or e-mail addresses from a file of yours"):
        use: Use = "systems" if controls.choice("Use", USES, USE) == "systems" else "spreadsheets"
        st.html(
            elements.note(
                "For spreadsheets: Excel reads it as UTF-8, and what looks like a formula gets an apostrophe. "
                "For other systems: every text as it is."
            )
        )
        joined = None if access.current().is_masked else _upload(found)
        name = _file_name(opened, found)
        detail = {"definition": to_text(definition), "use": use, "joined": joined is not None}
        if found.members is None:
            make = partial(_content, engine, moment, definition, use, joined)
        else:
            detail["as_of"] = found.now.event_time.isoformat()
            make = partial(_past_content, engine, moment, found.now, found.members, use, joined)
        st.download_button(
            "Download CSV",
            downloads.of_content(engine, File(name, detail), make),
            name,
            "text/csv",
            on_click="ignore",
            key="audience_csv",
            type="primary",
        )
        page.note_if(downloads.limit_note(len(found.ids)))


def _upload(found: FoundAudience) -> PassThrough | None:
    """The columns of an uploaded file, after saying how it fits the audience."""
    file = st.file_uploader(
        "Add columns from a CSV with a column customer_id: they are joined for this file and never stored",
        type=["csv", "txt", "tsv"],
        key=FILE,
        max_upload_size=MOST_MEGABYTES,
    )
    if file is None:
        return None
    try:
        joined = pass_through.read(file.getvalue(), file.name)
    except DataError as error:
        st.html(f'<div class="sg-banner" role="alert">{escape(str(error))}</div>')
        return None
    inside = sum(each.decode() in joined.rows for each in found.ids)
    missing, others = len(found.ids) - inside, len(joined.rows) - inside
    added = ", ".join(joined.columns) or "no column besides the ids"
    text = (
        f"{many(inside, 'customer')} of the audience in the file, {missing:,} not in it; "
        f"{left_out(others)}. Added: {added}."
    )
    st.html(f'<div class="sg-note" data-joined="{inside}">{escape(" ".join([text, *joined.notes]))}</div>')
    return joined


def _file_name(opened: str | None, found: FoundAudience) -> str:
    slug = re.sub(r"[^\w]+", "-", (opened or "").lower()).strip("-")
    name = "-".join(part for part in ("audience", slug, f"{len(found.ids)}-customers") if part)
    return f"{name}-{found.now.event_time:%Y-%m-%d}.csv"


def _content(
    engine: Engine, shown: Moment, definition: AudienceDefinition, use: Use, joined: PassThrough | None
) -> FileContent:
    """The file at the moment at which it is asked for."""
    with reading(engine, refreshed.TIMEOUT_MS) as connection:
        at = progress(connection).watermark or shown.event_time
        now = AudienceMoment(at, rhythm_of(shown.model))
        about = About(_names(connection, shown), at, shown.money.currency, use, joined, downloads.MOST_ROWS)
        return _written(parts(connection, definition, now, with_rhythm=True, with_stays=True), about)


def _past_content(
    engine: Engine, shown: Moment, now: AudienceMoment, members: FoundMembers, use: Use, joined: PassThrough | None
) -> FileContent:
    """The file as of a past moment."""
    with reading(engine) as connection:
        names = _names(connection, shown)
    about = About(names, now.event_time, shown.money.currency, use, joined, downloads.MOST_ROWS)
    return _written([members], about)


def _names(connection: Connection, shown: Moment) -> dict[str, str]:
    """Names of segments by id; the model that the page shows decides first."""
    names = model_registry.read_personas(connection)
    return names | {segment: persona.name for segment, persona in shown.personas.items()}


def _written(members: Iterable[FoundMembers], about: About) -> FileContent:
    text = StringIO()
    written = write(text, members, about)
    return FileContent(text.getvalue().encode(), written.customers)
