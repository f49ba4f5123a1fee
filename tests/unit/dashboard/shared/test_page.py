"""The pages of a long list, in Streamlit's test harness."""

from streamlit.testing.v1 import AppTest


def test_another_filter_or_another_order_begins_with_the_first_page() -> None:
    shown = AppTest.from_function(_a_list)
    shown.session_state["order"] = "newest"
    assert _number(shown) == 1
    shown.session_state["page"] = 3
    assert _number(shown) == _number(shown) == 3
    shown.session_state["order"] = "oldest"
    assert _number(shown) == _number(shown) == 1


def test_a_list_that_has_become_shorter_begins_with_the_first_page() -> None:
    shown = AppTest.from_function(_a_list)
    shown.session_state["order"] = "newest"
    shown.session_state["page"] = 6
    assert _number(shown) == 1


def _number(shown: AppTest) -> int:
    return int(shown.run().text[0].value)


def _a_list() -> None:
    import streamlit as st

    from dashboard.shared import page

    st.text(page.number("page", 5, st.session_state["order"]))
    st.pagination(5, key="page")
