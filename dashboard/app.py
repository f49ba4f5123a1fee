"""The dashboard's front door: settings in, one router over the pages out.

Started as ``streamlit run dashboard/app.py``.
"""

from functools import partial

import streamlit as st
from pydantic import ValidationError
from sqlalchemy.exc import ArgumentError

from dashboard import blocks, connection, style, trouble
from dashboard.views import live
from segue.settings import Settings


def main() -> None:
    """Draw the page that the address asks for."""
    st.set_page_config(page_title="Segue", page_icon=style.MARK, layout="wide")
    st.logo(style.LOGO, size="large")
    style.apply()
    try:
        engine = connection.engine(Settings().dashboard_database)
    except (ValidationError, ArgumentError) as error:
        st.html(blocks.trouble(trouble.bad_settings(error)))
        return
    pages = [
        st.Page(partial(live.show, engine), title="Live", icon=":material/sensors:", url_path="live", default=True),
    ]
    st.navigation(pages, position="top").run()


main()
