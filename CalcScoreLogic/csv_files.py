"""CSV tables, written so that spreadsheets run nothing in them, and read as spreadsheets write them.

A spreadsheet takes a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a formula, whatever quotes stand
around it. Such text gets an apostrophe in front, which spreadsheets show as text (OWASP, *CSV Injection*).
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import InputError

_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_DELIMITERS = ",;\t|"
_SEPARATOR = re.compile(r'"?sep=(.)"?[;,\t ]*(?:\r\n|\r|\n)', re.IGNORECASE)
"""Excel's own first line, for readers in a country with another separator."""
_NOT_UTF8 = "is not UTF-8, save the table as CSV UTF-8"


def to_csv(rows: Iterable[dict[str, Any]], columns: Iterable[str], delimiter: str = ",") -> str:
    """Write rows as RFC 4180 text: CRLF, a dot for decimals, empty for None.

    Parameters
    ----------
    rows : iterable of dict
        One dict a row.
    columns : iterable of str
        Keys in the order of the columns.
    delimiter : str
        What stands between cells: a tab for the clipboard.

    Returns
    -------
    str
        The table with a header line; text that a spreadsheet would run is as `as_cell` gives it.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(columns), delimiter=delimiter, lineterminator="\r\n", extrasaction="raise")
    writer.writeheader()
    writer.writerows({key: as_cell(value) for key, value in row.items()} for row in rows)
    return text.getvalue()


def as_cell(value: Any) -> Any:
    """Give what stands for a value in a table.

    Parameters
    ----------
    value : object
        Text or a figure.

    Returns
    -------
    object
        The same; text that a spreadsheet would run, with an apostrophe in front. `from_cell` takes it away.
    """
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def from_cell(text: str) -> str:
    """Give the text that a cell stands for: that which `as_cell` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


@dataclass(frozen=True)
class Line:
    """A row of a table.

    Attributes
    ----------
    number : int
        Where it ends in the file, counted from 1.
    cells : dict of str to str
        Text by column, in small letters and without blanks around; empty where the row is short.
    """

    number: int
    cells: dict[str, str]


def read_csv(path: Path, columns: Sequence[str]) -> list[Line]:
    """Read a table, whoever wrote it.

    Parameters
    ----------
    path : Path
        UTF-8, or UTF-16 as Excel's "Unicode text"; commas, semicolons, tabs or bars between the cells, whichever
        gives the columns; perhaps with ``sep=;`` before the header. Empty rows are passed over.
    columns : sequence of str
        Columns that must be there, in any order and case, with or without blanks around; further ones may be.

    Returns
    -------
    list of Line
        The rows below the header.

    Raises
    ------
    InputError
        The file cannot be read, has no such columns or one of them twice, or a row cannot be read: it is named.
    """
    text = table_text(path)
    told = _SEPARATOR.match(text)
    delimiters, start = (told[1], told.end()) if told else (_DELIMITERS, 0)
    missing = set(columns)
    for delimiter in delimiters:
        rows = _rows(path, text[start:], delimiter, before=1 if told else 0)
        try:
            _, header = next(rows, (0, []))
        except InputError:
            # Quotes mean nothing to the wrong delimiter.
            continue
        names = [from_cell(cell.strip()).casefold() for cell in header]
        missing = min(missing, set(columns).difference(names), key=len)
        if not missing:
            return list(_lines(path, names, columns, rows))
    raise InputError(f"{path}: the table has no column {', '.join(sorted(missing))}, its first row must name it")


def table_text(path: Path) -> str:
    """Read the text of a table, as spreadsheets write it.

    Parameters
    ----------
    path : Path
        UTF-8, with or without a byte order mark, or UTF-16 with one.

    Returns
    -------
    str
        Its text, without the mark.

    Raises
    ------
    InputError
        It cannot be read, or is not UTF-8; the line is named.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: the table cannot be read ({error.strerror})") from error
    encoding = "utf-16" if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InputError(f"{path}: line {line} {_NOT_UTF8}") from error


def _rows(path: Path, text: str, delimiter: str, before: int) -> Iterator[tuple[int, list[str]]]:
    """Give the rows that are not empty, each with its number; raises InputError, with the line."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(f"{path}: line {reader.line_num + before} cannot be read ({error})") from error
        if any(cell.strip() for cell in row):
            yield reader.line_num + before, row


def _lines(
    path: Path, names: Sequence[str], columns: Sequence[str], rows: Iterable[tuple[int, list[str]]]
) -> Iterator[Line]:
    """Give the rows below a header; raises InputError."""
    twice = [name for name in columns if names.count(name) > 1]
    if twice:
        raise InputError(f"{path}: the table has the column {twice[0]} more than once, keep one of them")
    for number, row in rows:
        if any(cell.strip() for cell in row[len(names) :]):
            raise InputError(
                f"{path}: line {number} has {len(row)} cells and the first row {len(names)}, "
                "put quotes around text with a separator in it"
            )
        whole = [*row, *[""] * (len(names) - len(row))]
        yield Line(number, {name: from_cell(cell.strip()) for name, cell in zip(names, whole, strict=False)})
