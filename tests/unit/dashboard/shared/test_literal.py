import pytest

from dashboard.shared.literal import escape, in_figure, in_markdown


def test_html_shows_hidden_characters() -> None:
    assert escape("<img src=x>\u202e\u2028\u200b") == r"&lt;img src=x&gt;\u202e\u2028\u200b"


def test_a_figure_gets_neither_tags_nor_templates_nor_formulas() -> None:
    assert in_figure("<a href='x'>%{x}$a$") == "&lt;a href=&#x27;x&#x27;&gt;%&#123;x}&#36;a&#36;"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Champions", "Champions"),
        ("At risk: 2.5 (late) - soon!", "At risk: 2.5 (late) - soon!"),
        ("![p](x)", r"!\[p\](x)"),
        ("**b** _i_ `c` ~~s~~", r"\*\*b\*\* \_i\_ \`c\` \~\~s\~\~"),
        ("$a$ &lt; <b>", r"\$a\$ \&lt; \<b\>"),
        (":red[x]", r":red\[x\]"),
        (":tulip:", ":\u2060tulip:"),
        (":material/home:", ":\u2060material/home:"),
        ("https://x.invalid", "https:\u2060//x.invalid"),
        ("www.x.invalid", "www\u2060.x.invalid"),
        ("# title", r"\# title"),
        ("- item", r"\- item"),
        ("1. item", "1\u2060. item"),
        ("    code", "code"),
        ("a\nb\u202e", r"a\\nb\\u202e"),
    ],
)
def test_markdown_is_literal(text: str, label: str) -> None:
    assert in_markdown(text) == label
