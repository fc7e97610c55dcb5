"""Faults of users' folders of pictures: the stage that reports each, its message, and what stays unchanged.

Each row puts one fault in a folder of real digits. No row may end in a traceback, or change what was ingested before.
"""

import io
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pytest

from digits.data import labelled_folders, pictures, raw_tables
from digits.errors import UserError
from digits.paths import EXTERNAL, RAW, REFERENCE_PROFILE
from pipeline import ingest, validate
from tests.bad_folders import FOLDERS, LINKS, NAMES, RELATED
from tests.bad_pictures import PICTURES
from tests.faults import ACCEPTED, FEW, INGEST_REFUSES, INGEST_WARNS, MANY, VALIDATE_REFUSES, VALIDATE_WARNS, Made, Row
from tests.imports import ROOT
from tests.raw import read_raw, set_params

ROWS = [*PICTURES, *FOLDERS, *NAMES, *LINKS, *RELATED]
PER_RUN = 10  # pictures spoilt and validated at once, since a run takes seconds; as many as an expectation names
MAX_LINES = 60  # of output


@pytest.fixture(scope="module")
def bases(tmp_path_factory, mnist_digits) -> dict[int, Path]:
    """Projects with few and with many real digits of each label in their folder, ingested."""
    made = {}
    for each in (FEW, MANY):
        made[each] = project = tmp_path_factory.mktemp(f"base {each}")
        for label in range(10):
            (project / EXTERNAL / str(label)).mkdir(parents=True)
            for number, image in enumerate(mnist_digits.images[mnist_digits.labels == label][:each]):
                (project / EXTERNAL / str(label) / f"{number:02d}.png").write_bytes(pictures.encode_png(image))
        shutil.copy(ROOT / "params.yaml", project)
        shutil.copy(ROOT / REFERENCE_PROFILE, project / REFERENCE_PROFILE)
        with chdir(project):
            set_params("ingest", sources=["folder"], validation_fraction=0.3, seed=45)  # every split has every digit
            ingest.main()
    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def own_pictures() -> list[tuple[str, bytes, int]]:
    """The folder's pictures as they are, except those that are elsewhere."""
    root = EXTERNAL.resolve()
    paths = [path for path in EXTERNAL.glob("[0-9]/*") if path.resolve().is_relative_to(root)]
    return sorted((labelled_folders.text(path), path.read_bytes(), int(path.parent.name)) for path in paths)


def ingested() -> list[tuple[str, bytes, int]]:
    return sorted((one.path, one.data, one.label) for split in raw_tables.raw_splits() for one in read_raw(split))


@contextmanager
def unprivileged() -> Iterator[None]:
    """Run as a user without root's right to read every file, who owns the working folder."""
    if os.geteuid() != 0:
        yield
        return
    for path in (Path(), Path("data")):
        os.chown(path, 65534, -1)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


class Run(NamedTuple):
    """The result of the stages on a folder, and the lines of their output, indented lines with the one above."""

    result: str
    lines: list[str]


def run(rows: list[Row]) -> Run:
    """Put the faults in the folder, and run ingest and validate, in the current project."""
    before = contents(RAW)
    for number, row in enumerate(rows):
        if isinstance(row.spoil, Made):
            row.spoil(number)
        else:
            row.spoil()
    with unprivileged() if any(row.unprivileged for row in rows) else nullcontext():
        refused, lines = output_of(ingest.main)
    if refused:
        assert contents(RAW) == before
        assert not list(RAW.parent.glob(".partial*"))
        return Run(INGEST_REFUSES, lines)
    assert ingested() == own_pictures()
    result = INGEST_WARNS if warned(lines) else ACCEPTED
    before = contents(RAW)
    refused, more = output_of(validate.main)
    assert contents(RAW) == before
    if refused:
        result = VALIDATE_REFUSES
    elif warned(more):
        result = VALIDATE_WARNS
    return Run(result, lines + more)


def output_of(main: Callable[[], None]) -> tuple[bool, list[str]]:
    """Whether a stage ends in an error, which is printed last, and the lines that it prints."""
    screen, error = io.StringIO(), None
    with redirect_stdout(screen), redirect_stderr(screen):
        try:
            main()
        except UserError as raised:
            error = raised
            print(f"error: {error}")
    lines, above = [], ""
    for line in screen.getvalue().split("\n"):
        lines.append(above + line if line.startswith("    ") else line)
        above = above if line.startswith("    ") else line
    return error is not None, lines


def warned(lines: list[str]) -> bool:
    return any(line.startswith("warning: ") for line in lines)


def grouped() -> dict[str, list[Row]]:
    """By the name of each row, the rows that are validated with it."""
    kinds: dict[object, list[Row]] = {}
    for row in ROWS:
        kinds.setdefault((row.result, row.each) if isinstance(row.spoil, Made) else row.what, []).append(row)
    return {
        row.what: group
        for kind in kinds.values()
        for start in range(0, len(kind), PER_RUN)
        for group in [kind[start : start + PER_RUN]]
        for row in group
    }


@pytest.fixture(scope="module")
def run_of(bases, tmp_path_factory) -> Callable[[Row], Run]:
    """The run of the group that a row is in, once for the group."""
    groups, runs = grouped(), {}

    def find(row: Row) -> Run:
        group = groups[row.what]
        if group[0].what not in runs:
            project = tmp_path_factory.mktemp("spoilt") / "project"
            shutil.copytree(bases[row.each], project)
            with chdir(project):
                runs[group[0].what] = run(group)
        return runs[group[0].what]

    return find


@pytest.mark.filterwarnings("ignore:Truncated File Read")  # Pillow's, of EXIF; the picture is decoded
@pytest.mark.parametrize("row", ROWS, ids=[row.what for row in ROWS])
def test_a_fault_is_reported_by_name_and_what_was_ingested_stays_unchanged(run_of, row):
    result, lines = run_of(row)
    printed = "\n".join(lines)
    assert result == row.result, printed
    for words in row.words:
        pattern = ".*".join(map(re.escape, words.split(" … ")))
        assert any(re.search(pattern, line) for line in lines), f"{words}\nis not in\n{printed}"
    assert all(line.isprintable() for line in lines), printed
    assert len(lines) <= MAX_LINES, printed


def test_the_table_has_forty_faults_and_the_severity_of_those_that_validate_finds():
    assert len({row.what for row in ROWS}) == len(ROWS)
    assert len([row for row in ROWS if row.result != ACCEPTED]) >= 40
    for result, severity in {VALIDATE_REFUSES: "critical: ", VALIDATE_WARNS: "warning: "}.items():
        assert all(row.words[0].startswith(severity) for row in ROWS if row.result == result)
