"""The data dictionary and the page of metrics as data, and the differences between them and the files of a project."""

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import onnxruntime
import pandas as pd
import yaml

from digits.data import shards
from tests.imports import ROOT

PAGE = ROOT / "references" / "data-dictionary.md"
METRICS = ROOT / "docs" / "reference" / "metrics.md"
HEADING = re.compile(r"^##+ `(.+/.+)`$", re.MULTILINE)
OPTIONAL = "corrections.share_by_label.<label>"  # only where there are corrections


class Entry(NamedTuple):
    """A row of a table: the name of a column or the path of a key, its type, its range, as on the page."""

    name: str
    type: str
    range: str


class Column(NamedTuple):
    """What a file has under a name: the type, and the values that are not missing."""

    type: str
    values: pd.Series


def expand(text: str) -> list[str]:
    """Every name that a text with braces stands for, as in a shell: a{b,c} for ab and ac."""
    parts = re.split(r"\{([^}]*)\}", text)
    return ["".join(one) for one in itertools.product(*(part.split(",") for part in parts))]


def tables(page: Path) -> Iterator[tuple[str, list[list[str]]]]:
    """Each heading that is in code style, with the cells of the rows that begin so."""
    _, *parts = HEADING.split(page.read_text())
    for heading, body in zip(parts[::2], parts[1::2], strict=True):
        lines = re.split(r"^#", body, flags=re.MULTILINE)[0].splitlines()
        rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines if line.startswith("| `")]
        yield heading, [[cell.strip() for cell in row] for row in rows]


def entries() -> dict[str, list[Entry]]:
    """The rows of each table of columns, by the path of the file."""
    found = {}
    for heading, rows in tables(PAGE):
        table = [Entry(name, row[1].strip("`"), row[3]) for row in rows for name in expand(row[0].strip("`"))]
        found |= dict.fromkeys(expand(heading), table)
    for heading, rows in tables(METRICS):
        found[heading] = []
        for first, type_, _, range_, _, interval in rows:
            name = re.sub("^<split>", "{validation,test}", first.strip("`")) + "{,_low,_high}" * bool(interval)
            stated = range_ if range_.startswith("`") else re.split("[,;]", range_)[0]  # without what is best
            found[heading] += [Entry(one, type_.strip("`"), stated) for one in expand(name)]
    return found


def files_without_columns() -> list[str]:
    table = PAGE.read_text().split("## Files without columns")[1].split("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)


def outputs() -> set[str]:
    """What the stages write, as dvc.yaml declares it: files and folders."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values()
    listed = [out for stage in stages for kind in ("outs", "metrics", "plots") for out in stage.get(kind, [])]
    return {out if isinstance(out, str) else next(iter(out)) for out in listed}


def columns(path: Path, table: list[Entry]) -> dict[str, Column]:
    """What a file has, by column or key."""
    return {".parquet": _parquet, ".csv": _csv, ".json": _json, ".onnx": _onnx}[path.suffix](path, table)


def _parquet(path: Path, table: list[Entry]) -> dict[str, Column]:
    found = shards.read(path)
    return {
        name: Column(str(found.schema.field(name).type), found[name].to_pandas().dropna())
        for name in found.column_names
    }


def _csv(path: Path, table: list[Entry]) -> dict[str, Column]:
    """A column of text is read as such: pandas would take one of digits for numbers."""
    texts = {entry.name: str for entry in table if entry.type == "str"}
    found = pd.read_csv(path, dtype=texts)
    return {name: Column("str" if name in texts else str(found[name].dtype), found[name].dropna()) for name in found}


def _json(path: Path, table: list[Entry]) -> dict[str, Column]:
    values: dict[str, list] = {}
    for key, value in _flat(json.loads(path.read_text())):
        values.setdefault(key, []).append(value)
    return {key: Column(_json_type(of), pd.Series(of, dtype=object)) for key, of in values.items()}


def _json_type(values: list) -> str:
    kinds = {type(value).__name__ for value in values}
    return "float" if kinds == {"int", "float"} else " or ".join(sorted(kinds))


def _flat(content: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(content, dict):
        for name, value in content.items():
            yield from _flat(value, f"{key}.{name}" if key else name)
    elif isinstance(content, list):
        for value in content:
            yield from _flat(value, f"{key}[]")
    else:
        yield key, content


def _onnx(path: Path, table: list[Entry]) -> dict[str, Column]:
    session = onnxruntime.InferenceSession(path)
    tensors = [*session.get_inputs(), *session.get_outputs()]
    found = {
        one.name: Column(f"{one.type} {', '.join(map(str, one.shape))}", pd.Series(dtype=object)) for one in tensors
    }
    for name, text in session.get_modelmeta().custom_metadata_map.items():
        found[name] = Column("metadata", pd.Series([text if name == "digits_contract" else float(text)], dtype=object))
    return found


def differences(root: Path, file: str, table: list[Entry]) -> list[str]:
    """What a file of a project has and its table has not, and the other way round; values outside the ranges."""
    found, wrong = columns(root / file, table), []
    matching = {entry: [name for name in found if _matches(entry.name, name)] for entry in table}
    described = set(itertools.chain.from_iterable(matching.values()))
    wrong += [f"{file}: {name} has no entry" for name in found if name not in described]
    wrong += [
        f"{file}: there is no {entry.name}" for entry, names in matching.items() if not names and entry.name != OPTIONAL
    ]
    for entry, names in matching.items():
        for name in names:
            type_, values = found[name]
            if not _has_type(entry.type, type_, values):
                wrong.append(f"{file}: {name} is {type_}, its entry says {entry.type}")
            elif (
                outside := [value for value in values.drop_duplicates() if not within(value, entry.range)]
                if entry.range
                else []
            ):
                wrong.append(f"{file}: {name} has {outside[:3]}, its entry says {entry.range}")
    return wrong


def _matches(pattern: str, name: str) -> bool:
    expected = re.sub(r"<\w+>", r"[^.\[]+(?<!_low)(?<!_high)", pattern.replace(".", r"\.").replace("[]", r"\[\]"))
    return re.fullmatch(expected, name) is not None


def _has_type(stated: str, found: str, values: pd.Series) -> bool:
    allowed = {stated, *stated.split(" or ")}
    allowed |= {"int"} if "float" in allowed else set()
    allowed |= {"double"} if stated == "int64" else set()  # with missing values
    return found in allowed or values.empty  # a column without values has the type that its library prefers


def within(value: Any, stated: str) -> bool:
    """Whether a value is in a range as it is written on the page. Raises ValueError where the range has no meaning."""
    if digits := re.fullmatch(r"(\d+) hexadecimal digits", stated):
        return re.fullmatch(rf"[0-9a-f]{{{digits[1]}}}(\.dir)?", value) is not None
    if stated.startswith("`"):
        return value in re.findall(r"`([^`]*)`", stated)
    if bounds := re.fullmatch(r"(\S+) to (\S+)", stated):
        return float(bounds[1]) <= value <= float(bounds[2])
    if bound := re.fullmatch(r"above (\S+)", stated):
        return value > float(bound[1])
    if bound := re.fullmatch(r"(\S+) or (more|less)", stated):
        return value >= float(bound[1]) if bound[2] == "more" else value <= float(bound[1])
    raise ValueError(f"{stated!r} is no range")
