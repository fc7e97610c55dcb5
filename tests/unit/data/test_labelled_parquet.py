"""Pictures in Parquet files: which layouts are read, in which order, and the error of each wrong file."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from digits.data import labelled_parquet, pictures, sources
from digits.errors import UserError
from digits.params import load
from tests.raw import set_params

FOLDER = "data/external/parquet"
PICTURE = pictures.encode_png(np.full((28, 28), 9, np.uint8))


@pytest.fixture
def write(workspace):
    """A function that writes a file in the folder: columns, and rows of a row group."""
    folder = workspace / FOLDER
    folder.mkdir(parents=True)

    def write(name: str, image, label, rows: int | None = None, **more):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        pq.write_table(pa.table({"image": image, "label": label, **more}), path, row_group_size=rows)
        return path

    return write


def read(address: str = FOLDER, rows: int = 1000) -> list[labelled_parquet.Row]:
    return [row for part in labelled_parquet.parts(address, rows) for row in labelled_parquet.read(part)]


def structs(*paths: str | None) -> list[dict]:
    return [{"bytes": PICTURE, "path": path} for path in paths]


def test_files_are_in_the_order_of_their_names_and_a_picture_has_its_own_path_or_the_row(write):
    write("b.parquet", [b"1", b"2"], [3, 4], note=["x", "y"])
    write("a.parquet", structs("one.png", None, ""), [0, 1, 2])
    write("more/c.parquet", structs("c.png"), [5])
    write("notes.txt", [b"no"], [6])
    names = ["one.png", "a.parquet row 1", "a.parquet row 2", "b.parquet row 0", "b.parquet row 1", "c.png"]
    found = read()
    assert [row.path for row in found] == names
    assert [row.label for row in found] == list(range(6))
    assert [row.data for row in found] == [PICTURE] * 3 + [b"1", b"2", PICTURE]
    assert read(f"{FOLDER}/b.parquet") == found[3:5]


@pytest.mark.parametrize("rows", [1, 3, 8, 100])
def test_parts_are_of_whole_row_groups_and_together_all_rows(write, rows):
    write("a.parquet", [bytes([row + 1]) for row in range(20)], list(range(20)), rows=3)
    write("b.parquet", [b"1"], [20])
    sizes = [len(list(labelled_parquet.read(part))) for part in labelled_parquet.parts(FOLDER, rows)]
    assert sizes == {1: [3] * 6 + [2, 1], 3: [3] * 6 + [2, 1], 8: [6, 6, 8, 1], 100: [20, 1]}[rows]
    assert [row.label for row in read(rows=rows)] == list(range(21))
    assert [row.path for row in read(rows=rows)][19] == "a.parquet row 19"


@pytest.mark.parametrize(
    "labels",
    [
        pa.array([7, 0], pa.uint8()),
        pa.array(["7", " 0"]),
        pa.array(["7", "0"], pa.large_string()),
        pa.array(["7", "0"]).dictionary_encode(),
    ],
    ids=str,
)
@pytest.mark.parametrize("binary", [pa.binary(), pa.large_binary()])
def test_labels_are_whole_numbers_or_their_text(write, labels, binary):
    write("a.parquet", pa.array([b"1", b"2"], binary), labels)
    assert read() == [(b"1", "a.parquet row 0", 7), (b"2", "a.parquet row 1", 0)]


@pytest.mark.parametrize(
    ("image", "label", "problem"),
    [
        ([b"1", None], [1, 2], "row 1: image has no bytes"),
        ([b"1", b""], [1, 2], "row 1: image has no bytes"),
        ([{"bytes": b"1", "path": "x"}, None], [1, 2], "row 1: image has no bytes"),
        ([{"bytes": b"1", "path": "x"}, {"bytes": None, "path": "x"}], [1, 2], "row 1: image has no bytes"),
        ([b"1", b"2"], [1, None], "row 1: label is missing; expected a whole number, 0 to 9"),
        ([b"1", b"2"], ["1", "two"], "row 1: label is 'two'; expected a whole number, 0 to 9"),
        ([b"1", b"2"], ["1.0", "2"], r"row 0: label is '1\.0'"),
        ([b"1", b"2"], [1.0, 2.0], "label is double; expected the columns image"),
        (["1", "2"], [1, 2], "image is string; expected the columns image"),
        ([{"path": "x"}], [1], "image is struct<path: string>; expected"),
        ([{"bytes": b"1", "path": 3}], [1], "the path of image is int64; expected"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_row(write, image, label, problem):
    write("a.parquet", image, label)
    with pytest.raises(UserError, match=rf"^{FOLDER}/a\.parquet: {problem}"):
        read()


@pytest.mark.parametrize("rows", [3, 1000])
def test_a_row_is_counted_from_the_files_beginning(write, monkeypatch, rows):
    monkeypatch.setattr(labelled_parquet, "ROWS_PER_BATCH", 2)
    write("a.parquet", [b"1"] * 9 + [None], [1] * 10, rows=3)
    with pytest.raises(UserError, match=r"a\.parquet: row 9: image has no bytes"):
        read(rows=rows)


def test_a_missing_column_is_named_with_those_that_are_there_before_a_picture_is_read(write):
    write("a.parquet", [b"1"], [1])
    path = write("b.parquet", [b"1"], [1])
    pq.write_table(pa.table({"picture": [b"1"], "label": [1]}), path)
    with pytest.raises(UserError, match=r"b\.parquet: there is no column image, only picture, label; expected the col"):
        next(labelled_parquet.parts(FOLDER, 1000))


def test_a_damaged_file_is_named(write):
    path = write("a.parquet", [b"1"], [1])
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match=rf"^{FOLDER}/a\.parquet can't be read as Parquet: ArrowInvalid "):
        read()


def test_an_error_of_who_reads_the_rows_is_no_fault_of_the_file(write, monkeypatch):
    def rows(*of):
        raise TypeError("a mistake")

    write("a.parquet", [b"1"], [1])
    monkeypatch.setattr(labelled_parquet, "_rows", rows)
    with pytest.raises(TypeError, match="a mistake"):
        read()


def test_missing_credentials_are_named_with_their_variables(monkeypatch, tmp_path):
    import fsspec

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    with pytest.raises(UserError, match=r"^s3://bucket/x is out of reach: .*AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS"):
        read("s3://bucket/x")


def test_an_address_without_files_is_named(write):
    with pytest.raises(UserError, match=rf"^{FOLDER} has no \.parquet file; put your files there, or set ingest\.par"):
        read()
    with pytest.raises(UserError, match=r"^elsewhere does not exist; put your files there, or set ingest\.parquet"):
        read("elsewhere")
    with pytest.raises(
        UserError, match=r"^gopher://old\.example/x can't be read as Parquet: ValueError Protocol not kn"
    ):
        read("gopher://user:password@old.example/x")


def test_a_file_is_opened_once_to_list_its_row_groups_and_once_to_read_them(write, monkeypatch):
    write("a.parquet", [b"1"] * 2500, [1] * 2500, rows=900)
    opened, addresses = labelled_parquet._opened, []
    monkeypatch.setattr(labelled_parquet, "_opened", lambda address: [addresses.append(address), opened(address)][1])
    set_params("ingest", sources=["parquet"])
    assert len(list(sources.source_pictures(load().ingest))) == 2500
    assert len(addresses) == 2


def test_the_source_stands_next_to_folder(write, mnist_digits, workspace):
    images = [pictures.encode_png(image) for image in mnist_digits.images[::500]]
    write("a.parquet", images, list(range(10)))
    for label, data in enumerate(images):
        (workspace / "data/external" / str(label)).mkdir()
        (workspace / "data/external" / str(label) / "a.png").write_bytes(data)
    set_params("ingest", sources=["folder", "parquet"])
    found = list(sources.source_pictures(load().ingest))
    assert [one.source for one in found] == ["folder"] * 10 + ["parquet"] * 10
    assert [one.data for one in found] == images * 2
    assert [one.label for one in found] == [*range(10)] * 2
