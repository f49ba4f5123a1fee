"""Loads a shop's files: from paths to transactions."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import duckdb
import msgspec

from data.datasets import column_notes, conventions, rejects
from data.datasets.assemble import assemble
from data.datasets.cells import AmbiguousError, DataError
from data.datasets.column_readings import column_readings
from data.datasets.dataset import Dataset
from data.datasets.engine import Engine, plain_errors
from data.datasets.mapping import MappedColumns, Mapping
from data.datasets.mapping_toml import with_settings
from data.datasets.parsing import parse_rows
from data.datasets.raw import read_raw
from data.datasets.raw_cells import Cells, Table
from data.datasets.reading import Reading
from data.datasets.rejects import Place
from data.datasets.sources import TableSource, sources
from data.datasets.tables import BadLine, RawOptions

DEFAULT = Reading()


def load(paths: Sequence[Path] | Path, reading: Reading = DEFAULT) -> Dataset:
    """Read files into one dataset.

    Parameters
    ----------
    paths
        Files, folders, patterns and ``-``; see :func:`data.datasets.sources.sources`. Each file, and each sheet of an
        Excel file, is an export of its own.
    reading
        How the files are to be read.

    Raises
    ------
    DataError
        If a file can't be read, a row can't be used, or nothing is left; one line that says what to do.
    """
    paths = [paths] if isinstance(paths, Path) else list(paths)
    options = _options(reading)
    found = sources(paths, options.sheets)
    name = _name(paths)
    with ExitStack() as closing:
        engine = closing.enter_context(Engine())
        with plain_errors(name):
            loaded = _load(engine, name, found, reading, options)
        closing.pop_all()
        return loaded


def _load(engine: Engine, name: str, found: Sequence[TableSource], reading: Reading, options: RawOptions) -> Dataset:
    tables, mappings, bad_lines, notes = _read(engine.db, found, reading, options)
    mapping = _merged(mappings)
    cells = Cells(engine.db, tables)
    try:
        known = conventions.find_out(mapping, cells.distinct, reading.currency, cells.rows)
    except AmbiguousError as error:
        raise AmbiguousError(f"{name}: {error}", error.hint) from None
    except DataError as error:
        raise DataError(f"{name}: {error}", error.hint) from None
    columns = column_readings(known, cells)
    parse_rows(engine.db, cells, known.parsers)
    places = _places(found, tables, options)
    has_amounts, has_lines = bool(mapping.columns.amount), bool(mapping.columns.quantity and mapping.columns.price)
    currency = known.mapping.money.currency or reading.currency
    if known.mapping.columns.currency:
        notes += column_notes.without_currency([table.source.name for table in tables if "currency" not in table.names])
    report, more_notes = assemble(
        engine,
        name,
        known.mapping,
        places=places,
        skip=reading.on_error == "skip",
        bad_lines=bad_lines,
        has_lines=has_lines,
        has_amounts=has_amounts,
    )
    if reading.rejects is not None:
        rejects.write(engine.db, places, bad_lines, reading.rejects)
    all_notes = dict.fromkeys([*notes, *known.notes, *more_notes])
    return Dataset(name, engine, report, known.mapping, currency, tuple(all_notes), columns, places)


def _read(
    db: duckdb.DuckDBPyConnection, found: Sequence[TableSource], reading: Reading, options: RawOptions
) -> tuple[list[Table], list[Mapping], list[tuple[int, BadLine]], list[str]]:
    """The raw tables of all sources, the mapping of each, the lines that are no rows, and notes."""
    tables: list[Table] = []
    mappings: list[Mapping] = []
    bad_lines: list[tuple[int, BadLine]] = []
    notes: list[str] = []
    for number, source in enumerate(found):
        here: list[Mapping] = []

        def needed(headers: list[str], source: TableSource = source, here: list[Mapping] = here) -> list[str]:
            here.append(_mapping_of(reading, source, headers, mappings[0] if mappings else None, len(found)))
            return list(here[0].columns.named().values())

        raw, bad = read_raw(db, source, f"raw_{number}", options, needed)
        bad_lines += [(number, line) for line in bad]
        notes += [f"{source.name}: {note}" for note in raw.notes]
        if not raw.headers:
            notes.append(f"{source.name} is empty.")
            continue
        tables.append(Table(number, source, raw, here[0].columns.named()))
        mappings.append(here[0])
        names = here[0].columns.named()
        notes += column_notes.not_read(source.name, raw.headers, names.values())
        notes += column_notes.differing(source.name, names, tables[0].source.name, tables[0].names)
    if not tables:
        raise DataError(f"{found[0].name}: there is nothing in it")
    return tables, mappings, bad_lines, notes


def _mapping_of(
    reading: Reading, source: TableSource, headers: list[str], first: Mapping | None, sources: int
) -> Mapping:
    try:
        mapping = reading.mapping_of(headers)
        if first is not None and (mapping.preset, _kinds(mapping)) != (first.preset, _kinds(first)):
            raise DataError(
                f"its columns are those of {mapping.preset or 'another kind of file'}, not of "
                f"{first.preset or 'the same kind'} as in the files before; read them apart"
            )
    except DataError as error:
        kind = AmbiguousError if isinstance(error, AmbiguousError) else DataError
        other = ""
        if source.sheet is not None and sources > 1:
            other = "; to read one sheet only, name it with --set rows.sheet=NAME"
        raise kind(f"{source.name}: {error}{other}") from None
    return mapping


def _kinds(mapping: Mapping) -> tuple[bool, bool]:
    return bool(mapping.columns.amount), bool(mapping.columns.quantity and mapping.columns.price)


def _merged(mappings: Sequence[Mapping]) -> Mapping:
    """The mapping of all files: columns that only some of them have are columns, too."""
    names: dict[str, str] = {}
    for mapping in mappings:
        names = mapping.columns.named() | names
    return msgspec.structs.replace(mappings[0], columns=MappedColumns(**names))


def _places(found: Sequence[TableSource], tables: Sequence[Table], options: RawOptions) -> list[Place]:
    """The places of all sources, those without rows included."""
    of_number = {table.number: table for table in tables}
    places = []
    for number, source in enumerate(found):
        table = of_number.get(number)
        names = {} if table is None else table.names
        index = None if table is None else table.raw.headers.index(names["transaction"])
        places.append(Place(source, source.name, names, index, options))
    return places


def _options(reading: Reading) -> RawOptions:
    rows = with_settings(reading.mapping or Mapping(), reading.settings).rows
    sheets = (rows.sheet,) if rows.sheet else rows.sheets
    return RawOptions(rows.separator or None, rows.encoding or None, sheets)


def _name(paths: Sequence[Path]) -> str:
    first = "standard input" if str(paths[0]) == "-" else paths[0].name or str(paths[0])
    return first if len(paths) == 1 else f"{first} and {len(paths) - 1:,} more"
