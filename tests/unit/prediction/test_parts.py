"""A listing is divided into parts that have its pictures in order, and a folder keeps the parts that are complete."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from digits.data import shards
from digits.errors import UserError
from digits.prediction import files, parts
from digits.prediction.batches import Prediction
from digits.prediction.inputs import Listing

ORIGIN = {"champion": "a", "pictures": "b"}


@pytest.fixture
def listing(workspace) -> Listing:
    """A table of two shards with row groups of 4, 1, 4 and 3 pictures, one file without rows, and three files."""
    Path("in.parquet").mkdir()
    for number, rows in enumerate([5, 0, 7]):
        data = [b"%d %d" % (number, row) for row in range(rows)]
        pq.write_table(
            pa.table({"bytes": pa.array(data, pa.binary())}),
            Path("in.parquet", shards.part_name(number)),
            row_group_size=4,
        )
    for name in "abc":
        Path(f"{name}.png").write_bytes(b"x" * 100)
    return Listing(["in.parquet", "a.png", "b.png", "missing.png", "c.png"])


@pytest.mark.parametrize(("pictures", "sizes"), [(100, [16]), (5, [5, 4, 5, 2]), (1, [4, 1, 4, 3, 1, 1, 1, 1])])
def test_the_parts_have_the_pictures_in_order_and_no_row_group_is_divided(listing, pictures, sizes):
    divided = parts.divide(listing, pictures)
    assert [part.number for part in divided] == list(range(len(sizes)))
    found = [[picture for batch in part.batches() for picture in batch] for part in divided]
    assert [len(one) for one in found] == sizes
    expected = [(one.name, one.content) for one in listing]
    in_parts = [one for part in found for one in part]
    assert [one.name for one in in_parts] == [name for name, _ in expected]
    for one, (_, content) in zip(in_parts, expected, strict=True):
        assert one.content == (content.absolute() if isinstance(content, Path) else content)


def test_large_pictures_make_small_parts(listing, monkeypatch):
    monkeypatch.setattr(parts, "MAX_BYTES", 250)
    files_only = Listing(["a.png", "b.png", "c.png"])
    assert [len(part.units) for part in parts.divide(files_only, 100)] == [2, 1]


def test_only_parts_of_the_same_origin_are_kept(workspace):
    out = Path("out")
    begun = parts.PartFiles(out, ORIGIN, 3)
    assert (begun.missing, begun.changed) == ([0, 1, 2], [])
    for number in (0, 2):
        shards.write(shards.Destination(out), number, files.SCHEMA, files.tables(iter([Prediction("a")])))
    with pytest.raises(UserError, match="another process writes out now; wait for it, or name another"):
        parts.PartFiles(out, ORIGIN, 3)
    (out / ".partial-0").touch()  # of an executor that was killed
    begun.close()
    assert not (out / ".partial-0").exists()
    again = parts.PartFiles(out, ORIGIN, 3)
    again.close()
    assert (again.missing, again.changed) == ([1], [])
    other = parts.PartFiles(out, {**ORIGIN, "champion": "c"}, 3)
    other.close()
    assert (other.missing, other.changed) == ([0, 1, 2], ["champion"])


@pytest.mark.parametrize("content", ["{}", "[]", "no JSON", '{"name": "x"}', '{"champion": "a"}'])
def test_a_folder_with_another_origin_is_refused_and_keeps_its_files(workspace, content):
    Path("out").mkdir()
    Path("out/origin.json").write_text(content)
    Path("out/part-1.parquet").touch()
    with pytest.raises(UserError, match="out is no folder of predictions; name a new folder, or an empty one"):
        parts.PartFiles(Path("out"), ORIGIN, 3)
    assert sorted(path.name for path in Path("out").iterdir()) == ["origin.json", "part-1.parquet"]


def test_a_folder_is_written_to_where_a_process_was_killed_at_its_begin(workspace):
    Path("out").mkdir()
    Path("out/.partial-origin.json").touch()
    parts.PartFiles(Path("out"), ORIGIN, 3).close()
    assert [path.name for path in Path("out").iterdir()] == ["origin.json"]


def test_the_answers_of_all_parts_are_counted(workspace):
    rows = [
        Prediction("a", 3, 0.9, True),
        Prediction("b", error="why"),
        Prediction("c", accepted=False, reason="blank"),
    ]
    for number, part in enumerate([rows, rows[:2], rows[1:2]]):
        shards.write(shards.Destination(Path("out")), number, files.SCHEMA, files.tables(iter(part)))
    assert parts.count(Path("out")) == {"read": 2, "refused": 1, "failed": 3}


def test_a_damaged_part_of_predictions_is_named_with_the_cure(workspace):
    Path("out").mkdir()
    Path("out/part-00000.parquet").write_bytes(b"half a part")
    words = r"^out/part-00000\.parquet is damaged: remove it, and run the same command again$"
    with pytest.raises(UserError, match=words):
        parts.count(Path("out"))
