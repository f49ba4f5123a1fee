"""The filters of an audience as options, each read by the parser of the text form."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Optional

import typer

from models.audience import AudienceDefinition, Range
from models.audience_text import FIELDS, checked, one_value, parse
from segue.cli.console import fail

Where = Annotated[
    Optional[str],  # noqa: UP045 - typer reads it
    typer.Option(
        metavar="DEFINITION",
        help="All filters as one text, as `segue audience show` prints it, such as "
        "`segment = Champions and risk = overdue`; `everyone` has none.",
    ),
]


def _some(help_: str, metavar: str) -> Any:
    return typer.Option(metavar=metavar, help=help_)


_Texts = Optional[list[str]]  # noqa: UP045
_Text = Optional[str]  # noqa: UP045
Segments = Annotated[_Texts, _some("In this segment: its name or id. Give it again for another one.", "SEGMENT")]
Risks = Annotated[_Texts, _some("In this risk state: on_rhythm, due, overdue or presumed_lost.", "STATE")]
Countries = Annotated[_Texts, _some("In this country, as the shop writes it.", "COUNTRY")]
RecencyAtLeast = Annotated[_Text, _some("At least this many whole days since the last order.", "DAYS")]
RecencyAtMost = Annotated[_Text, _some("At most this many whole days since the last order.", "DAYS")]
FrequencyAtLeast = Annotated[_Text, _some("At least this many orders.", "ORDERS")]
FrequencyAtMost = Annotated[_Text, _some("At most this many orders.", "ORDERS")]
SpendAtLeast = Annotated[_Text, _some("Net spend of at least this much: all orders minus all returns.", "AMOUNT")]
SpendAtMost = Annotated[_Text, _some("Net spend of at most this much.", "AMOUNT")]
StakeAtLeast = Annotated[_Text, _some("At least this much money at stake.", "AMOUNT")]
MovedFrom = Annotated[
    _Texts, _some("Has moved out of this segment, by a change that fits --moved-to and --since, too.", "SEGMENT")
]
MovedTo = Annotated[_Texts, _some("Has moved into this segment.", "SEGMENT")]
Since = Annotated[_Text, _some("Moved on this day (UTC) or later, or in the last days: 2011-06-01 or 30d.", "DAY")]


def definition(where: str | None, options: Mapping[str, Any]) -> AudienceDefinition:
    """The definition in a text, or the one in options by the names of the text form.

    Parameters
    ----------
    options
        A list of texts, a text, or a pair of texts for a range; None where nothing is given.

    Raises
    ------
    AudienceError
        If a value is not possible; the message names those that are.
    """
    named = {name: value for name, value in options.items() if value not in (None, [], (None, None))}
    if where is not None and named:
        fail("give the filters in --where, or as options of their own")
    if where is None and not named:
        fail("say who is in it, for example --segment Champions --risk overdue; `--where everyone` is every customer")
    if where is not None:
        return parse(where)
    found = {field.attribute: _value(field.name, named[field.name]) for field in FIELDS if field.name in named}
    return checked(AudienceDefinition(**found))


def _value(name: str, value: str | Sequence[str | None]) -> Any:
    if isinstance(value, str):
        return one_value(name, value)
    if isinstance(value, tuple):
        return Range(*(None if end is None else one_value(name, end) for end in value))
    return tuple(dict.fromkeys(one_value(name, each or "") for each in value))
