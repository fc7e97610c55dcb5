"""`digits predict --engine spark`: the same predictions, part by part, and only the missing parts are scored."""

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from digits.cli import commands
from digits.data import pictures, shards
from digits.errors import UserError
from digits.prediction.parts import Part
from digits.spark import scoring, session
from digits.tracking import registry
from tests.linear_model import write
from tests.raw import set_params
from tests.tracking_store import registered_version


@pytest.fixture
def champion(store, tmp_path):
    """A champion whose answers differ from picture to picture."""
    weights = np.random.default_rng(0).normal(0, 0.003, (28 * 28, 11))
    version = registered_version(write(tmp_path / "random.onnx", weights, np.zeros(11)))
    registry.set_alias(registry.CHAMPION, version)


@pytest.fixture
def tables(workspace, mnist_digits) -> list[str]:
    """300 pictures in row groups of 40, two of which can't be read and one of which is blank; and 4 files."""
    data = [pictures.encode_png(image) for image in mnist_digits.images[::17][:290]]
    data += [b"seven", None, pictures.encode_png(np.zeros((28, 28), np.uint8)), *data[:7]]
    table = pa.table({"image": [{"bytes": one, "path": None} for one in data], "label": [0] * 300})
    pq.write_table(table, "in.parquet", row_group_size=40)
    Path("scans").mkdir()
    for number in range(4):
        Path(f"scans/{number}.png").write_bytes(data[number])
    set_params("spark", pictures_per_shard=100)
    return ["in.parquet", "scans"]


def predict(*arguments: str):
    return CliRunner().invoke(commands, ["predict", *arguments])


@pytest.fixture
def on_spark(spark, monkeypatch):
    """The command in the session of all tests."""
    monkeypatch.setattr(session, "session", lambda params: nullcontext(spark))
    return lambda *arguments: predict(*arguments, "--engine", "spark", "--out", "out")


def rows(path: str) -> list[dict]:
    return shards.read(Path(path)).to_pylist()


def test_it_predicts_the_same_rows_and_goes_on_with_the_parts_that_are_missing(champion, tables, on_spark):
    """Costs 12 s of CPU: three runs of the command."""
    one = predict(*tables, "--out", "one.parquet", "--min-probability", "0.2")
    done = on_spark(*tables, "--min-probability", "0.2")
    assert (one.exit_code, done.exit_code) == (1, 1)
    counts = one.stdout.removesuffix("one.parquet\n")
    assert done.stdout.removesuffix("out\n") == counts and counts.startswith("304 pictures: ")
    assert done.stderr == one.stderr  # of the champion
    expected = rows("one.parquet")
    assert rows("out") == expected
    assert {row["label"] for row in expected} > {None, 1, 2} and {row["accepted"] for row in expected} == {
        *(None, True, False)
    }
    names = [shards.part_name(number) for number in range(4)]
    assert sorted(path.name for path in Path("out").iterdir()) == ["origin.json", *names]
    assert [shards.count_rows(Path("out", name)) for name in names] == [80, 80, 80, 64]

    before = {name: Path("out", name).stat().st_mtime_ns for name in names}
    Path("out", names[2]).unlink()
    Path("out", ".partial-killed").write_bytes(b"half of a part")
    again = on_spark(*tables, "--min-probability", "0.2")
    assert "out: 3 of 4 parts are complete from an earlier run\n" in again.stderr
    after = {name: Path("out", name).stat().st_mtime_ns for name in names}
    assert {name for name in names if after[name] != before[name]} == {names[2]}
    assert rows("out") == expected and not Path("out", ".partial-killed").exists()

    afresh = on_spark(*tables, "--min-probability", "0.5")
    assert "out: the --min-probability changed since the earlier run: starting afresh\n" in afresh.stderr
    assert rows("out") != expected and [row["path"] for row in rows("out")] == [row["path"] for row in expected]


def test_complete_parts_need_no_spark(champion, tables, monkeypatch, on_spark):
    assert on_spark("scans").exit_code == 0
    monkeypatch.setattr(session, "session", lambda params: pytest.fail("a session is started"))
    again = on_spark("scans")
    assert (again.exit_code, again.stderr.splitlines()[-1]) == (0, "out: 1 of 1 parts are complete from an earlier run")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--engine spark writes files: give a folder with --out"),
        (["--out", "s3://bucket/out"], "--out is a folder that all machines share, no address"),
        (["--out", "out", "--json"], "--json prints the predictions"),
        (["--out", "out", "--show", "a.png"], "--engine spark takes no --json, --show or standard input"),
        (["--out", "out", "-"], "--engine spark takes no --json, --show or standard input"),
    ],
)
def test_options_that_spark_does_not_have_are_refused(store, tables, arguments, words):
    done = predict("scans", *arguments, "--engine", "spark")
    assert done.exit_code == 2 and words in done.output
    assert not Path("out").exists() and not Path("s3:").exists()


def test_a_folder_with_other_files_is_not_written_to(champion, tables, on_spark):
    Path("out").mkdir()
    Path("out/part-00000.parquet").write_bytes(b"of somebody else")
    done = on_spark("scans")
    assert isinstance(done.exception, UserError)
    assert str(done.exception) == "out is no folder of predictions; name a new folder, or an empty one"
    assert [path.name for path in Path("out").iterdir()] == ["part-00000.parquet"]


def test_without_params_yaml_nothing_is_scored(champion, tables):
    Path("params.yaml").unlink()
    done = predict("scans", "--engine", "spark", "--out", "out")
    assert str(done.exception) == "params.yaml does not exist: run from the project's root"
    assert not Path("out").exists()


def test_a_table_without_pictures_gives_one_without_rows(champion, tables, on_spark):
    pq.write_table(pq.read_table("in.parquet").slice(0, 0), "none.parquet")
    done = on_spark("none.parquet")
    assert (done.exit_code, rows("out")) == (0, [])
    assert done.stdout == "0 pictures: 0 read, 0 refused, 0 failed; see out\n"


def test_a_folder_that_the_executors_do_not_share_is_an_error(champion, tables, on_spark, monkeypatch):
    """As where each machine of a cluster has a folder of this path: what is written is not here."""
    monkeypatch.setattr(scoring.tasks, "run", lambda spark, function, work, description: [10] * len(work))
    done = on_spark("scans")
    words = "out: 1 of 1 parts were written elsewhere: --out must be a folder that all machines of the cluster share"
    assert str(done.exception) == words


def test_a_folder_that_an_executor_does_not_have_is_an_error(tmp_path):
    work = scoring.Scoring(Part(0, []), tmp_path / "out" / "model.onnx", 0.5)
    with pytest.raises(UserError, match=r"/out is not there on an executor's machine: --out must be a folder"):
        scoring.score_part(work)
    assert not list(tmp_path.iterdir())
