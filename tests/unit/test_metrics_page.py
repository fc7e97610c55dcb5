"""docs/reference/metrics.md has every name of metrics/*.json, and no other."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.imports import ROOT

PAGE = (ROOT / "docs" / "reference" / "metrics.md").read_text()
FILES = ["evaluate", "train", "validate"]


class Row(NamedTuple):
    """A row of the page: the metric's name, and whether its interval is in the file."""

    name: str
    interval: bool

    def matches(self, key: str) -> bool:
        """Whether the keys are of this metric: `<…>` stands for any one of them, or for a part of one."""
        return re.fullmatch("".join(_patterns(self.name)), key) is not None


def _patterns(name: str) -> Iterator[str]:
    for part in re.split(r"(<\w+>)", name):
        yield "[^.]+" if part.startswith("<") else re.escape(part)


def rows(file: str) -> list[Row]:
    """The rows of the section on a file."""
    section = PAGE.split(f"\n## `metrics/{file}.json`\n")[1].split("\n## ")[0]
    cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in section.splitlines() if line.startswith("| `")]
    return [Row(first.strip(" `"), bool(last.strip())) for first, *_, last in cells]


def keys(nested: dict[str, Any], above: str = "") -> Iterator[str]:
    """Every key that leads to a value, joined by dots; an empty group has the key "-"."""
    for key, value in nested.items():
        if isinstance(value, dict):
            yield from keys(value or {"-": None}, f"{above}{key}.")
        else:
            yield above + key


def best(found: list[Row]) -> Row:
    """Of the rows that match a key the one with the fewest `<…>`: `auroc.worst` is no kind."""
    return min(found, key=lambda row: row.name.count("<"))


@pytest.mark.parametrize("file", FILES)
def test_the_page_has_the_metrics_of_the_file_and_no_others(file):
    content = list(keys(json.loads((ROOT / "metrics" / f"{file}.json").read_text())))
    known, found, ends = rows(file), {}, {}
    unknown = []
    exact = {row.name for row in known}
    for key in content:
        metric, _, end = key.rpartition("_")
        if end in ("low", "high") and key not in exact and metric in content:
            ends.setdefault(metric, set()).add(end)
        elif matching := [row for row in known if row.matches(key)]:
            found[key] = best(matching)
        else:
            unknown.append(key)
    assert unknown == []
    assert set(known) - set(found.values()) == set()
    assert {key for key, row in found.items() if row.interval} == set(ends)
    assert all(both == {"low", "high"} for both in ends.values())


def test_each_metric_has_a_definition():
    for line in PAGE.splitlines():
        if line.startswith("| `"):
            assert len(line.split("|")[2].strip()) > 5, line
