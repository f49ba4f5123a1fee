"""Saving and deleting an audience: what only an operator may do on this page."""

import streamlit as st

from dashboard.shared import access, acts, elements
from dashboard.shared.acts import act
from dashboard.shared.literal import in_markdown
from data.postgres import audiences
from models.audience import AudienceDefinition, checked_name
from models.audience_text import checked_text

# Keys of the session state.
NAME, SAVE_AS = "audience_name", "audience_save_as"
READ_ONLY = (
    "Start the dashboard with <code>--operator</code> to save audiences here, or use <code>segue audience save</code>."
)
NOT_AN_OPERATOR = "Operators can save audiences here."


def draw(definition: AudienceDefinition, saved: dict[str, AudienceDefinition], opened: str | None) -> None:
    """Draw the name and the buttons, or why there are none."""
    if not acts.allowed():
        text = READ_ONLY if access.current().role in (None, "operator") else NOT_AN_OPERATOR
        st.html(f'<div class="sg-note">{text}</div>')
        return
    st.html(elements.title("Save", "The filters, not the customers: who is in it is found out each time."))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Name", key=SAVE_AS, max_chars=64, placeholder="Lapsed Champions", width=260)
        same = saved.get(name.strip())
        label = "Save" if same is None else "Replace"
        st.button(
            label,
            icon=":material/save:",
            key="audience_do_save",
            disabled=not name.strip() or same == definition,
            on_click=acts.attempt,
            args=(lambda: save(name, definition, same),),
        )
        if opened is not None:
            st.button(
                f"Delete {in_markdown(opened)}",
                icon=":material/delete:",
                key="audience_do_delete",
                on_click=acts.attempt,
                args=(lambda: delete(opened),),
            )


def save(name: str, definition: AudienceDefinition, known: AudienceDefinition | None) -> str:
    """Save an audience in place of the one that was shown, if there was one; returns a message.

    Raises
    ------
    NotAllowedError, AudienceError
        If the viewer may not, the name can't be one, or somebody else has saved another one meanwhile.
    """
    chosen = checked_name(name)
    with act("audience save", chosen, definition=checked_text(definition)):
        audiences.save(acts.engine(), chosen, definition, known)
    st.session_state[NAME] = chosen
    return f"{chosen} is saved"


def delete(name: str) -> str:
    """Delete an audience; returns a message.

    Raises
    ------
    NotAllowedError, NotFoundError
        If the viewer may not, or somebody else has deleted it.
    """
    with act("audience delete", name):
        audiences.remove(acts.engine(), name)
    st.session_state[NAME] = None
    return f"{name} is deleted"
