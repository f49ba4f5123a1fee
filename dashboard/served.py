"""The dashboard with a login: the same pages as :mod:`dashboard.app`.

Streamlit gets the provider's secrets from memory, before the first visitor comes. It would otherwise read them from a
file. Started as ``streamlit run dashboard/served.py``, which ``segue dashboard`` does if there is a login.
"""

from pathlib import Path
from typing import Any

from streamlit.starlette import App

from runtime.settings import Settings


def _secrets() -> dict[str, Any]:
    login = Settings().login
    return {} if login is None else login.streamlit_secrets()


app = App(Path(__file__).with_name("app.py"), secrets=_secrets())
