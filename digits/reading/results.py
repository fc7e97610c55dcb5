"""What is read in each of many pictures, as JSON, and as CSV, JSON Lines or Parquet files."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from digits.data.picture_files import PictureError
from digits.files import atomic_write
from digits.model.classifier import Classifier
from digits.reading.page import Digit, Page
from digits.reading.reader import read

DECIMALS = 6  # of a probability
SIDES = ("left", "top", "right", "bottom")
SCHEMA = pa.schema(
    {
        "path": pa.string(),
        **dict.fromkeys(SIDES, pa.int32()),
        "label": pa.int8(),
        "probability": pa.float64(),
        "accepted": pa.bool_(),
        "reason": pa.string(),
        "line": pa.int32(),
        "position": pa.int32(),
        "error": pa.string(),
    }
)
ROWS_PER_GROUP = 10_000  # of a Parquet file


class Result(NamedTuple):
    """The page of the picture with the name `path`; None with the `error` where it can't be read."""

    path: str
    page: Page | None = None
    error: str | None = None


def encoded(content: Path | bytes | np.ndarray | None) -> bytes | np.ndarray:
    """What a picture's file has, its encoded bytes or its canonical digit. Raises PictureError where it has nothing."""
    if content is None:
        raise PictureError("has no picture: its bytes are null")
    try:
        return content.read_bytes() if isinstance(content, Path) else content
    except OSError as error:
        raise PictureError(f"can't be read: {error.strerror or error}") from None


def result(path: str, content: Path | bytes | np.ndarray | None, classifier: Classifier, **options: Any) -> Result:
    """Read one picture with these options of `read`."""
    try:
        return Result(path, read(encoded(content), classifier, **options))
    except ValueError as error:  # PictureError, or a null byte in a path
        return Result(path, error=str(error))


def as_json(one: Result) -> str:
    """One line: the path and either the error, or size, digits, lines, and the grid where one was found."""
    if one.page is None:
        return json.dumps({"path": one.path, "error": one.error}, ensure_ascii=False)
    content = {"path": one.path, **as_dict(one.page)}
    if one.page.grid is None:
        del content["grid"]
    return json.dumps(content, ensure_ascii=False)


def as_dict(page: Page) -> dict[str, Any]:
    """What JSON has of a page."""
    return {**page._asdict(), "digits": [_digit(digit) for digit in page.digits]}


def write(path: Path, results: Iterable[Result]) -> None:
    """Write the results in the format of the path's suffix; nothing is left where it fails."""
    with atomic_write(path) as temporary:
        WRITERS[path.suffix.lower()](temporary, results)


def _digit(digit: Digit) -> dict[str, Any]:
    return digit._asdict() | {"probability": round(digit.probability, DECIMALS)}


def _rows(one: Result) -> Iterator[dict[str, Any]]:
    """A row for each digit; one with the path alone where there is none, and one with the error where there is one."""
    if one.page is None or not one.page.digits:
        yield {"path": one.path, "error": one.error}
        return
    for digit in map(_digit, one.page.digits):
        box = digit.pop("box")
        yield {"path": one.path, **dict(zip(SIDES, box, strict=True)), **digit}


def _write_csv(path: Path, results: Iterable[Result]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, SCHEMA.names, lineterminator="\n")
        writer.writeheader()
        for one in results:
            writer.writerows(_rows(one))


def _write_json_lines(path: Path, results: Iterable[Result]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(as_json(one) + "\n" for one in results)


def _write_parquet(path: Path, results: Iterable[Result]) -> None:
    rows = chain.from_iterable(map(_rows, results))
    with pq.ParquetWriter(path, SCHEMA) as writer:
        while group := list(islice(rows, ROWS_PER_GROUP)):
            writer.write_table(pa.Table.from_pylist(group, SCHEMA))


WRITERS: dict[str, Callable[[Path, Iterable[Result]], None]] = {
    ".csv": _write_csv,
    ".jsonl": _write_json_lines,
    ".parquet": _write_parquet,
}
