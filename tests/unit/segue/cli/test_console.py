import io

from segue.cli.console import VisibleConsole, table


def printed(*objects: object, json: str | None = None) -> str:
    console = VisibleConsole(file=io.StringIO(), width=80, force_terminal=False)
    for each in objects:
        console.print(each)
    if json is not None:
        console.print_json(json)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_hidden_characters_are_visible_and_lines_stay_lines() -> None:
    assert printed("a\u202eb\x1b[31m\nc") == "a\\u202eb\\x1b[31m\nc\n"


def test_a_table_shows_markup_and_hidden_characters_literally() -> None:
    shown = printed(table("[red]title", ["id"], [["[red]x\u2066"]]))
    assert "[red]title" in shown
    assert "[red]x\\u2066" in shown


def test_json_stays_as_it_is() -> None:
    assert "\u202e" in printed(json='{"id": "a\u202e"}')
