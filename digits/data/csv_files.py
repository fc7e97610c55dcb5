"""CSV files that people edit: each error names the file and the row."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from digits.data.dataset import LABELS
from digits.errors import UserError, printable


class Row(NamedTuple):
    """A row of a file: its number, as a spreadsheet counts, and its fields by column, without spaces around."""

    path: Path
    number: int
    fields: dict[str, str]

    def error(self, column: str, expected: str) -> UserError:
        """The error that a field is not what is `expected`."""
        return UserError(
            f"{self.path}: row {self.number}: {column} is {printable(self.fields[column])!r}; expected {expected}"
        )

    def label(self, column: str) -> int:
        """A field as a label. Raises UserError where it is none."""
        text = self.fields[column]
        if text not in map(str, LABELS):
            raise self.error(column, "a digit, 0 to 9")
        return int(text)

    def sha256(self) -> str:
        """The field `sha256`. Raises UserError where it is no SHA-256 in hexadecimal."""
        if not re.fullmatch("[0-9a-f]{64}", self.fields["sha256"]):
            raise self.error("sha256", "64 hexadecimal digits, 0 to 9 and a to f")
        return self.fields["sha256"]


def read(path: Path, columns: Sequence[str]) -> list[Row]:
    """The rows of a CSV file that has these columns, and perhaps others; empty rows are skipped.

    Raises UserError where the file is not UTF-8 or not such a table.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        header, *lines = [*csv.reader(io.StringIO(text, newline=""), strict=True)] or [[]]
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UserError(f"{path}: row {line} is not UTF-8: save the file as “CSV UTF-8”") from None
    except csv.Error as error:
        raise UserError(f"{path} is not a CSV file: {error}; expected comma-separated values") from None
    missing = [name for name in columns if name not in header]
    if missing:
        raise UserError(
            f"{path}: row 1 has the columns {printable(', '.join(header)) or 'none'}, without {', '.join(missing)}; "
            f"expected {', '.join(columns)}, separated by commas"
        )
    rows = []
    for number, fields in enumerate(lines, start=2):
        if len(fields) != len(header) and any(fields):
            raise UserError(
                f"{path}: row {number} has {len(fields)} fields; expected {len(header)}, as row 1: a text with a comma "
                "is written in double quotes"
            )
        if any(fields):
            rows.append(Row(path, number, {name: field.strip() for name, field in zip(header, fields, strict=True)}))
    return rows


def text(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table as CSV."""
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([columns, *rows])
    return file.getvalue()
