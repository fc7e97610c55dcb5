"""Files of predictions as CSV, JSON Lines or Parquet, and the log from which an interrupted run is resumed."""

import csv
import fcntl
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from digits.errors import UserError, printable
from digits.files import atomic_write, digest
from digits.prediction.batches import Prediction

CSV_COLUMNS = ("path", "label", "probability", "accepted", "reason", "error")
COLUMNS = (*CSV_COLUMNS, "probabilities")
SCHEMA = pa.schema(
    {
        "path": pa.string(),
        "label": pa.int8(),
        "probability": pa.float64(),
        "accepted": pa.bool_(),
        "reason": pa.string(),
        "error": pa.string(),
        "probabilities": pa.list_(pa.float64()),
    }
)
ROWS_PER_GROUP = 10_000  # of a Parquet file


def check(path: Path, suffixes: Iterable[str]) -> None:
    """Raise UserError where the path has none of these suffixes, which name formats, or is a folder."""
    if path.suffix.lower() not in suffixes:
        raise UserError(f"{printable(path)}: the suffix names the format; expected one of {', '.join(suffixes)}")
    if path.is_dir():
        raise UserError(f"{printable(path)} is a folder; expected the name of a file to write")


def origin(model: Path, pictures: str, min_probability: float) -> dict[str, Any]:
    """What predictions depend on: an ONNX file, a listing's digest and the lowest probability."""
    return {"champion": digest(model, "sha256"), "pictures": pictures, "--min-probability": min_probability}


def write(path: Path, predictions: Iterable[Prediction]) -> Counter[str]:
    """Write the predictions in the format of the path's suffix; returns how many are `read`, `refused` and `failed`."""
    counts: Counter[str] = Counter()

    def counted() -> Iterator[Prediction]:
        for prediction in predictions:
            counts["failed" if prediction.error is not None else "read" if prediction.accepted else "refused"] += 1
            yield prediction

    with atomic_write(path) as temporary:
        WRITERS[path.suffix.lower()](temporary, counted())
    return counts


def log_path(out: Path) -> Path:
    """The log of an unfinished run, in the folder of the file that its predictions are for."""
    return out.with_name(f".partial-{out.name}.jsonl")


class PredictionLog:
    """The predictions of an unfinished run: what a killed process left, and each batch that is added.

    The first line is `origin`, what the predictions depend on, and each other line is a batch. What a killed process
    left is kept if its origin is the same. Raises UserError where another process writes to the log.

    `batches` and `pictures` are how many were kept; `changed` are the keys of `origin` that differ, so that none was.
    """

    def __init__(self, out: Path, origin: dict[str, Any]) -> None:
        self._path = log_path(out)
        out.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"another process writes {printable(out)} now; wait for it, or name another file") from None
        self._file.seek(0)
        line = self._file.readline()
        before = _parse(line)
        self.changed = [key for key in origin if before is not None and before.get(key) != origin[key]]
        self.batches = self.pictures = 0
        if before is None or self.changed:
            self._file.truncate(0)
            self._append(origin)
        else:
            self._keep_complete_lines(len(line))

    def append(self, batch: list[Prediction]) -> None:
        """Add a batch: from now on it is kept, also where this process is killed."""
        self._append(batch)

    def predictions(self) -> Iterator[Prediction]:
        """All predictions, in order."""
        with self._path.open("rb") as file:
            for line in islice(file, 1, None):
                yield from (Prediction(*row) for row in json.loads(line))

    def remove(self) -> None:
        """Remove the log: its predictions are in the file that they are for."""
        self._path.unlink()
        self._file.close()

    def _append(self, content: Any) -> None:
        self._file.write(json.dumps(content).encode() + b"\n")
        self._file.flush()

    def _keep_complete_lines(self, end: int) -> None:
        for line in self._file:
            batch = _parse(line)
            if batch is None:
                break
            self.batches, self.pictures, end = self.batches + 1, self.pictures + len(batch), end + len(line)
        self._file.truncate(end)


def _parse(line: bytes) -> Any:
    """The content of a line of the log, or None where it is incomplete."""
    try:
        return json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None


def _write_csv(path: Path, predictions: Iterator[Prediction]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(CSV_COLUMNS)
        writer.writerows([getattr(one, name) for name in CSV_COLUMNS] for one in predictions)


def _write_json_lines(path: Path, predictions: Iterator[Prediction]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for one in predictions:
            file.write(json.dumps({name: getattr(one, name) for name in COLUMNS}, ensure_ascii=False) + "\n")


def _write_parquet(path: Path, predictions: Iterator[Prediction]) -> None:
    with pq.ParquetWriter(path, SCHEMA) as writer:
        for table in tables(predictions):
            writer.write_table(table)


def tables(predictions: Iterator[Prediction]) -> Iterator[pa.Table]:
    """The predictions as tables of SCHEMA, each a row group."""
    while rows := list(islice(predictions, ROWS_PER_GROUP)):
        yield pa.table({name: [getattr(one, name) for one in rows] for name in COLUMNS}, SCHEMA)


WRITERS: dict[str, Callable[[Path, Iterator[Prediction]], None]] = {
    ".csv": _write_csv,
    ".jsonl": _write_json_lines,
    ".parquet": _write_parquet,
}
