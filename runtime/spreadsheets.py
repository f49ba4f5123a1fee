"""Text that is safe in a spreadsheet, which would run a cell that begins like a formula."""

from runtime.readable import visible

DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
#: The mark by which Excel recognises UTF-8.
BYTE_ORDER_MARK = "\ufeff"
#: The most rows of a sheet, without its header.
MOST_ROWS = 1_048_575


def harmless(cell: str) -> str:
    """A text with an apostrophe before it if a spreadsheet would run it; hidden characters become visible escapes.

    >>> harmless("=1+1"), harmless("Ann")
    ("'=1+1", 'Ann')
    """
    shown = visible(cell)
    return f"'{shown}" if cell.startswith(DANGEROUS) else shown
