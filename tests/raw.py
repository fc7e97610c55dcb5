"""Raw data and parameters for the tests of a stage."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import yaml

from digits import paths
from digits.data import dataset, pictures
from digits.data.dataset import Example

SIZES = {"train": 160, "test": 40}
BLANK = pictures.encode_png(np.full((28, 28), 7, np.uint8))


def raw(mnist_digits, **changes: dict) -> None:
    """200 real digits as raw data, some of them changed: `train_3={"label": 11}`."""
    examples = []
    for label in range(10):
        for number, image in enumerate(mnist_digits.images[mnist_digits.labels == label][:20]):
            split = "test" if number < 4 else "train"
            examples.append(Example(split, pictures.encode_png(image), f"{label}/{number}.png", label))
    for place, change in changes.items():
        split, row = place.split("_")
        index = [i for i, example in enumerate(examples) if example.split == split][int(row)]
        examples[index] = examples[index]._replace(**change)
    dataset.write_raw(iter(examples))


def set_params(section: str, **changes) -> None:
    """Change keys of one section of the workspace's params.yaml."""
    path = Path("params.yaml")
    content = yaml.safe_load(path.read_text())
    content[section].update(changes)
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def read_raw(split: str, folder: Path = paths.RAW) -> Iterator[Example]:
    """Yield a split's examples in the order of their rows."""
    for group in dataset.row_groups(folder):
        if group.split == split:
            yield from dataset.read_row_group(group, folder)


def write_processed_splits(**labels: list[int]) -> None:
    """Write data/processed/ with empty digits of these labels by split; each has a hash of its own."""
    import hashlib

    import pyarrow as pa
    import pyarrow.parquet as pq

    paths.PROCESSED.mkdir(parents=True, exist_ok=True)
    for split, of_split in labels.items():
        hashes = [hashlib.sha256(f"{split} {row}".encode()).digest() for row in range(len(of_split))]
        columns = {
            "image": pa.array([bytes(28 * 28)] * len(of_split), pa.binary(28 * 28)),
            "label": pa.array(of_split, pa.int64()),
            "sha256": pa.array(hashes, pa.binary(32)),
        }
        pq.write_table(pa.table(columns), paths.PROCESSED / f"{split}.parquet")
