"""Any table file as rows of text: CSV with any separator and encoding, JSON lines, Parquet; a row at a time."""

from __future__ import annotations

import codecs
import csv
import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import BinaryIO

from retrieval.core import AppError

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
MOST_COLUMNS = 256
LONGEST_CELL = 20_000
"""In characters; what is longer is cut."""
_LONGEST_FIELD = 1 << 26
_SEPARATORS = ",;\t|"
_HEAD = 1 << 16
_BATCH = 5000
_TEXT = re.compile("name|title|desc|text|caption|comment|note", re.IGNORECASE)
_NO_TABLE = (OSError, ValueError, csv.Error, RecursionError, MemoryError)
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))

Row = dict[str, str]
"""Column -> cell; empty cells are left out."""


class TableFile:
    """One table; iterating reads it from the start.

    `columns` are its names as far as they are read, `left_out` is how many more there are.
    """

    def __init__(self, path: Path, name: str) -> None:
        """Look at the beginning of the table at `path`, called `name` in errors; raises AppError for what is none."""
        self._path, self._name = path, name
        self.columns: tuple[str, ...] = ()
        self.left_out = 0
        self._rows = {".parquet": self._parquet, ".jsonl": self._json_lines, ".ndjson": self._json_lines}.get(
            path.suffix.lower(), self._csv
        )
        try:
            self._encoding = "" if self._rows == self._parquet else _encoding(path)
        except OSError as error:
            raise self._problem(error) from None
        next(iter(self), None)

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows; raises AppError where the file breaks off being a table."""
        try:
            yield from self._rows()
        except _NO_TABLE as error:
            raise self._problem(error) from None

    def _problem(self, error: BaseException) -> AppError:
        said = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        return AppError(f"{self._name} cannot be read as a table ({said}).")

    def _csv(self) -> Iterator[Row]:
        with self._path.open(encoding=self._encoding, errors="replace", newline="") as file:
            head = file.read(_HEAD)
            separator = _separator(head)
            file.seek(0)
            csv.field_size_limit(_LONGEST_FIELD)
            lines = csv.reader(file, delimiter=separator, skipinitialspace=f'{separator} "' in head)
            header = next((line for line in lines if any(line) and not line[0].startswith("sep=")), [])
            kept = self._keep([name.strip() for name in header])
            last = len(header) - 1
            for line in lines:
                if len(line) > last + 1:
                    line = _joined(line, header, separator)
                elif len(line) <= last:
                    line += [""] * (last + 1 - len(line))
                yield {name: cell[:LONGEST_CELL] for n, name in kept if (cell := line[n])}

    def _keep(self, header: Sequence[str]) -> list[tuple[int, str]]:
        """Return place and name of the columns to read: a name counts once, and there are bounds."""
        places: dict[str, int] = {}
        for place, name in enumerate(header):
            if name:
                places.setdefault(name, place)
        names = list(places)
        self.columns, self.left_out = tuple(names[:MOST_COLUMNS]), max(0, len(names) - MOST_COLUMNS)
        return [(places[name], name) for name in self.columns]

    def _json_lines(self) -> Iterator[Row]:
        names: dict[str, None] = {}
        with self._path.open(encoding=self._encoding, errors="replace") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ValueError(f"line {number} is no object in braces")
                if len(names) < MOST_COLUMNS:
                    names |= dict.fromkeys(name for name in list(row)[:MOST_COLUMNS] if name and _text(name) == name)
                self.columns = tuple(names)
                yield {name: text for name in names if (text := _text(row.get(name)))}

    def _parquet(self) -> Iterator[Row]:
        import pyarrow as pa
        from pyarrow import parquet

        with parquet.ParquetFile(self._path) as file:
            wanted = {}
            for field in file.schema_arrow:
                if pa.types.is_struct(field.type) and field.type.get_field_index("path") >= 0:
                    wanted[field.name] = f"{field.name}.path"  # a picture as the datasets library keeps it
                elif not pa.types.is_nested(field.type) and not pa.types.is_binary(field.type):
                    wanted[field.name] = field.name
            self._keep(list(wanted))
            columns = [wanted[name] for name in self.columns]
            for batch in file.iter_batches(_BATCH, columns=columns) if columns else ():
                for row in batch.to_pylist():
                    yield {name: text for name in self.columns if (text := _text(row.get(name)))}


def _encoding(path: Path) -> str:
    """Return how a text file is encoded: by its mark, by its zero bytes, as UTF-8 where it is that, else cp1252."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
        marked = next((name for mark, name in _BOMS if head.startswith(mark)), "")
        if marked:
            return marked
        even, odd = head[::2].count(0), head[1::2].count(0)
        if max(even, odd) > len(head) // 8:
            return "utf-16-be" if even > odd else "utf-16-le"
        file.seek(0)
        return "utf-8" if _is_utf8(file) else "cp1252"


def _is_utf8(file: BinaryIO) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while block := file.read(1 << 20):
            decoder.decode(block)
    except UnicodeDecodeError:
        return False
    return True


def _separator(head: str) -> str:
    """Return what stands between the cells of the first line most often, outside quotes; or what `sep=` says."""
    first = head.lstrip("\ufeff\r\n ")
    if first[:4] == "sep=" and first[4:5]:
        return first[4]
    counts = dict.fromkeys(_SEPARATORS, 0)
    quoted = False
    for letter in first:
        if letter == '"':
            quoted = not quoted
        elif not quoted and letter in "\r\n":
            break
        elif not quoted and letter in counts:
            counts[letter] += 1
    return max(counts, key=lambda each: counts[each])


def _joined(line: Sequence[str], header: Sequence[str], separator: str) -> list[str]:
    """Return a line with too many cells as long as `header`: what is too much belongs to the last one's text, if any.

    Kaggle's styles.csv has names with commas and without quotes, so does much that is written by hand.
    """
    size = len(header)
    text = _TEXT.search(header[-1]) if header else None
    if text or any(cell.startswith(" ") for cell in line[size:]):
        return [*line[: size - 1], separator.join(line[size - 1 :]).rstrip(separator)]
    return list(line[:size])


def _text(value: object) -> str:
    """Return a cell of a typed table in words, empty where it says nothing."""
    if isinstance(value, str):
        cut = value[:LONGEST_CELL]
        return cut if cut.isascii() else cut.encode("utf-8", "replace").decode()  # JSON may hold half a character
    if value is None or isinstance(value, bytes) or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return _text(value.get("path"))
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Iterable):
        return ", ".join(filter(None, (_text(each) for each in value if not isinstance(each, dict))))[:LONGEST_CELL]
    return str(value)[:LONGEST_CELL]
