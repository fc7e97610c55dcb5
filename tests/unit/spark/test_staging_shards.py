"""How a portion's pictures are divided into shards."""

from digits.data import shards
from digits.data.pictures import encode_png
from digits.data.shards import Destination
from digits.data.sources import Portion, SourcePicture
from digits.spark import staging_shards


def test_a_shard_has_no_more_pictures_and_hardly_more_bytes_than_it_may(tmp_path, mnist_digits, monkeypatch):
    """Five pictures that fill a shard by pairs, one that fills it alone, and three that are as many as are allowed."""
    monkeypatch.setattr(staging_shards, "BYTES_PER_SHARD", 1000)
    data = [encode_png(image) for image in mnist_digits.images[:9]]
    sizes = [600, 400, 900, 500, 1200, 100, 100, 100, 100]  # a PNG may have bytes after its end
    pictures = [
        SourcePicture(one.ljust(size, b"\0") if size > 300 else one, str(row), 3)
        for row, (one, size) in enumerate(zip(data, sizes, strict=True))
    ]
    item = staging_shards._Item(Portion("own", lambda: iter(pictures)), Destination(tmp_path), 3)
    written = staging_shards._write_portion(item)
    assert [one.rows for one in written] == [2, 2, 1, 3, 1]
    read = [shards.read([one.address])["path"].to_pylist() for one in written]
    assert [row for rows in read for row in rows] == [str(row) for row in range(9)]
