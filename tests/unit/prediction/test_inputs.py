"""What arguments name: order, names, contents, batches and digest; and the errors of those that name nothing."""

import io
import os
from types import SimpleNamespace

import numpy as np
import pillow_heif
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from digits.data import picture_files, pictures, processed_tables, shards
from digits.data.dataset import Digits
from digits.errors import UserError
from digits.prediction import inputs
from digits.prediction.inputs import Listing
from tests.raw import RULE, block

PICTURE = pictures.encode_png(np.eye(28, dtype=np.uint8) * 255)
ENCODED = pa.table({"bytes": [PICTURE]})
NAMES = ["b.png", "A.JPG", "sub/c.heic", "sub/deep/d.gif"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, with four pictures in `in` and below, and what is none."""
    monkeypatch.chdir(tmp_path)
    for name in [*NAMES, "notes.txt", ".hidden.png", ".hidden/e.png", "Thumbs.db"]:
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PICTURE)
    (tmp_path / "in" / "link").symlink_to("..")
    return tmp_path


def names(*arguments: str) -> list[str]:
    return [picture.name for picture in Listing(arguments)]


def write_rows(path, **columns: object) -> str:
    pq.write_table(pa.table(columns), path)
    return str(path)


def test_a_folder_has_its_pictures_by_suffix_in_order(folder):
    expected = ["in/A.JPG", "in/b.png", "in/sub/c.heic", "in/sub/deep/d.gif"]
    assert names("in") == names("in/") == names("./in") == expected
    assert Listing(["in", "in/b.png"]).count == 5


def test_a_glob_pattern_is_what_a_shell_makes_of_it(folder):
    (folder / "in/link").unlink()  # ** follows links
    assert names("in/*.png") == ["in/b.png"]
    assert names("in/**/*.[gh]*") == ["in/sub/c.heic", "in/sub/deep/d.gif"]
    assert names("in/s*") == ["in/sub/c.heic", "in/sub/deep/d.gif"]
    assert names(f"{folder}/in/n*") == [f"{folder}/in/notes.txt"]  # named, so it is tried
    (folder / "a[1].png").write_bytes(PICTURE)
    assert names("a[1].png") == ["a[1].png"]


def test_a_missing_picture_is_a_row(folder):
    assert names("no.png", "in/b.png") == ["no.png", "in/b.png"]


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("nothing", "nothing does not exist; expected a picture, a folder, a Parquet file or a glob pattern"),
        ("no.parquet", "no.parquet does not exist"),
        ("in/*.tiff", r"in/\*.tiff matches no file or folder"),
        ("empty", "empty has no picture, in it or below"),
        ("no.parts.parquet", r"no\.parts\.parquet has no part-\*\.parquet; expected a table of shards, or a Parquet"),
        ("text.parquet", "text.parquet can't be read as Parquet"),
        ("numbers.parquet", r"numbers.parquet has the columns number \(int64\); expected `image`"),
    ],
)
def test_an_argument_that_names_nothing_is_an_error(folder, argument, words):
    (folder / "empty").mkdir()
    (folder / "no.parts.parquet").mkdir()
    (folder / "text.parquet").write_text("seven")
    write_rows(folder / "numbers.parquet", number=[1, 2])
    with pytest.raises(UserError, match=words):
        Listing(["in", argument])


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
@pytest.mark.parametrize("column", ["image", "bytes"])
def test_a_parquet_file_has_its_encoded_pictures(folder, column, kind):
    path = write_rows(folder / "a.parquet", label=[1, 2, 3], **{column: pa.array([PICTURE, None, b"no"], kind)})
    assert list(Listing([path])) == [(f"{path}#0", PICTURE), (f"{path}#1", None), (f"{path}#2", b"no")]


def test_a_struct_without_bytes_has_no_picture(folder):
    images = pa.array([{"bytes": PICTURE, "path": "7.png"}, {"bytes": None, "path": "8.png"}, None])
    path = write_rows(folder / "a.PARQUET", image=images)
    assert [picture.content for picture in Listing([path])] == [PICTURE, None, None]


def test_processed_digits_are_taken_as_they_are(workspace, mnist_digits):
    images = mnist_digits.images[:70]
    processed_tables.write_processed([block("test", Digits(images, mnist_digits.labels[:70]))], RULE)
    listing = Listing(["data/processed/test.parquet"])
    assert (listing.count, listing.workload) == (70, 70)
    assert np.array_equal([picture.content for picture in listing], images)


@pytest.mark.parametrize("name", picture_files.SUFFIXES)
def test_standard_input_is_a_picture_of_every_format(folder, monkeypatch, name):
    pillow_heif.register_heif_opener()
    buffer = io.BytesIO()
    Image.fromarray(np.full((30, 40), 200, np.uint8)).save(buffer, name)
    stdin(monkeypatch, buffer.getvalue())
    listing = Listing(["-"])
    (picture,) = listing
    assert (picture.name, picture.content.read_bytes()) == ("-", buffer.getvalue())


@pytest.mark.parametrize("first", ["P1010001.JPG", "BMW 7.png", "GIF8.png", "RIFF.webp", "II.tif"])
def test_standard_input_is_a_list_of_files(folder, monkeypatch, first):
    stdin(monkeypatch, first.encode() + b"\r\n\n\xff.png\nin/b.png")
    listing = Listing(["-", "in/A.JPG"])
    assert [one.name for one in listing] == [first, r"\udcff.png", "in/b.png", "in/A.JPG"]
    assert listing.count == 4


def test_standard_input_in_another_format_is_no_list(folder, monkeypatch):
    stdin(monkeypatch, b"PAR1\x15\n\0\n")
    assert names("-") == ["-"]


def test_empty_standard_input_is_an_error(folder, monkeypatch):
    stdin(monkeypatch, b"\n")
    with pytest.raises(UserError, match="standard input is empty"):
        Listing(["-"])
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(UserError, match="standard input is empty"):
        Listing(["-"])


def stdin(monkeypatch, data: bytes) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))


def test_batches_are_bounded_by_pictures_and_bytes(folder, monkeypatch):
    monkeypatch.setattr(inputs, "BATCH_PICTURES", 3)
    monkeypatch.setattr(inputs, "BATCH_BYTES", 150)
    path = write_rows(folder / "a.parquet", bytes=[b"a" * size for size in (100, 60, 10, 10, 10, 10, 200)])
    assert [len(batch) for batch in Listing([path]).batches()] == [2, 3, 2]


def test_the_digest_changes_with_each_file_and_not_by_reading(folder):
    first = Listing(["in"]).digest
    assert Listing(["in"]).digest == first
    found = {first}
    os.utime(folder / "in/b.png", (1, 1))
    found.add(Listing(["in"]).digest)
    (folder / "in/b.png").write_bytes(b"another size")
    found.add(Listing(["in"]).digest)
    (folder / "in/b.png").rename(folder / "in/c.png")
    found.add(Listing(["in"]).digest)
    assert len(found) == 4


def test_a_glob_pattern_matches_tables_of_shards(folder):
    (folder / "table.parquet").mkdir()
    shards.write(shards.Destination(folder / "table.parquet"), 0, ENCODED.schema, [ENCODED])
    assert names("*.parquet") == names("table.parquet") == ["table.parquet#0"]


def test_the_digest_changes_with_a_shard_that_is_written_in_place(folder):
    table = folder / "table.parquet"
    table.mkdir()
    for number in range(2):
        shards.write(shards.Destination(table), number, ENCODED.schema, [ENCODED])
    before = Listing([str(table)]).digest
    assert Listing([str(table)]).digest == before
    with (table / shards.part_name(1)).open("r+b") as file:
        file.write(b"PAR1")
    os.utime(table / shards.part_name(1), (1, 1))
    assert Listing([str(table)]).digest != before


def test_each_shard_is_opened_once_for_the_row_groups_and_their_number(folder, monkeypatch):
    (folder / "table.parquet").mkdir()
    for number in range(3):
        shards.write(shards.Destination(folder / "table.parquet"), number, ENCODED.schema, [ENCODED])
    seen, opened = [], inputs._opened
    monkeypatch.setattr(inputs, "_opened", lambda source: seen.append(source) or opened(source))
    listing = Listing(["table.parquet"])
    assert [(unit.first_row, unit.rows) for unit in listing.units()] == [(0, 1), (1, 1), (2, 1)]
    assert sorted(seen) == [f"table.parquet/{shards.part_name(number)}" for number in range(3)]


def test_a_picture_with_a_changed_bit_is_not_read(folder):
    encoded = [np.random.default_rng(number).bytes(300) for number in range(20)]  # which no compression changes
    shards.write(shards.Destination(folder), 0, ENCODED.schema, [pa.table({"bytes": encoded})])
    path = folder / shards.part_name(0)
    content = bytearray(path.read_bytes())
    content[content.index(encoded[10]) + 50] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"part-00000\.parquet can't be read"):
        list(Listing([str(path)]))
