"""The part of the operations page about alerts: rules, and which of them are above their limit."""

import streamlit as st

from dashboard.operations import alert_markup, alert_rules
from dashboard.shared import elements
from runtime.errors import SegueError
from runtime.money import Money


def draw(money: Money) -> None:
    """Draw the rules with what is remembered of each, or how to set alerts up."""
    try:
        found = alert_rules.read()
    except SegueError as error:
        st.html(elements.title("Alerts", f"The files of alerts can't be shown: {error}"))
        return
    if found is None:
        st.html(elements.title("Alerts") + alert_markup.HOW_TO_BEGIN)
        return
    st.html(elements.title("Alerts", "Whom each rule writes to, and what its process remembers of it"))
    st.html(alert_markup.rules(found, money))
