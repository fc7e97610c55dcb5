"""Raw data and parameters for the tests of a stage."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from digits import paths
from digits.data import dataset, pictures, processed_tables, raw_tables, training_tables
from digits.data.dataset import Digits
from digits.data.processed_tables import Block
from digits.data.raw_tables import Example

SIZES = {"train": 140, "validation": 20, "test": 40}
RULE = {"rule": 1, "seed": 0, "test_fraction": 0.2, "validation_fraction": 0.1, "near_duplicate_distance": 0.06}
BLANK = pictures.encode_png(np.full((28, 28), 7, np.uint8))


def example(split: str, data: bytes, path: str, label: int, source: str = "mnist-5k") -> Example:
    """With the SHA-256 of its pixels, as ingest writes it."""
    return Example(split, data, path, label, pictures.pixel_digest(data), source)


def block(split: str, digits: Digits) -> Block:
    """With numbers in place of the pictures' SHA-256, others in each split."""
    first = 1_000_000 * dataset.SPLITS.index(split)
    hashes = np.arange(first, first + len(digits.labels), dtype=">u8")[:, None].view(np.uint8)
    return Block(split, digits, np.pad(hashes, ((0, 0), (24, 0))), ["mnist-5k"] * len(digits.labels))


def raw(mnist_digits, **changes: dict) -> None:
    """200 real digits as raw data, some of them changed: `train_3={"label": 11}`."""
    examples = []
    for label in range(10):
        for number, image in enumerate(mnist_digits.images[mnist_digits.labels == label][:20]):
            split = "test" if number < 4 else "validation" if number >= 18 else "train"
            examples.append(example(split, pictures.encode_png(image), f"{label}/{number}.png", label))
    for place, change in changes.items():
        split, row = place.split("_")
        index = [i for i, one in enumerate(examples) if one.split == split][int(row)]
        examples[index] = example(*examples[index]._replace(**change)[:4])
    raw_tables.write_raw(iter(examples), RULE)


def validated(*quarantined: tuple[str, int], success: bool = True) -> None:
    """Write what validate writes for preprocess: whether it succeeded, and the quarantined rows."""
    for path in (paths.VALIDATION, paths.QUARANTINE):
        path.parent.mkdir(exist_ok=True)
    paths.VALIDATION.write_text(json.dumps({"success": success}))
    rows = "".join(f"{split},{row},x.png,3,why\n" for split, row in quarantined)
    paths.QUARANTINE.write_text(f"split,row,path,label,reasons\n{rows}")


def set_params(section: str, **changes) -> None:
    """Change keys of one section of the workspace's params.yaml."""
    path = Path("params.yaml")
    content = yaml.safe_load(path.read_text())
    content[section].update(changes)
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def set_engine(engine: str) -> None:
    """Choose what runs the stages of the workspace: pandas or spark."""
    path = Path("params.yaml")
    content = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**content, "engine": engine}, sort_keys=False))


def read_raw(split: str, folder: Path = paths.RAW) -> Iterator[Example]:
    """Yield a split's examples in the order of their rows."""
    for group in raw_tables.row_groups(folder):
        if group.split == split:
            yield from raw_tables.read_row_group(group)


def write_processed_splits(source: str | dict[str, list[str]] = "mnist-5k", **labels: list[int]) -> None:
    """Write data/processed/ with empty digits of these labels by split; each has a hash of its own in its source.

    `source` is that of all digits, or has the source of each by split.
    """
    paths.PROCESSED.mkdir(parents=True, exist_ok=True)
    for split, of_split in labels.items():
        names = source[split] if isinstance(source, dict) else [source] * len(of_split)
        hashes = [hashlib.sha256(f"{name} {split} {row}".encode()).digest() for row, name in enumerate(names)]
        columns = {
            "image": pa.array([bytes(28 * 28)] * len(of_split), pa.binary(28 * 28)),
            "label": pa.array(of_split, pa.int64()),
            "sha256": pa.array(hashes, pa.binary(32)),
            "source": pa.array(names, dataset.SOURCE),
        }
        pq.write_table(pa.table(columns), paths.PROCESSED / f"{split}.parquet")


def write_evaluable(
    digits: dict[str, Digits], others: np.ndarray, sources: dict[str, np.ndarray] | None = None
) -> None:
    """Write what evaluate reads, apart from the network: canonical digits by split, what is no digit, and no page cut.

    `others` are (n, 28, 28) uint8 pictures, of the kind "signs"; `sources` are the names of the digits' by split. The
    hashes of the digits are those of their pixels.
    """
    blocks, statistics = [], []
    for split, of in digits.items():
        names = sources[split].tolist() if sources else ["mnist-5k"] * len(of.labels)
        hashes = b"".join(hashlib.sha256(image.tobytes()).digest() for image in of.images)
        blocks.append(Block(split, of, np.frombuffer(hashes, np.uint8).reshape(-1, 32), names))
        rows = {"split": split, "row": range(len(of.labels)), "label": of.labels, "extent": 0.7, "contrast": 255}
        statistics.append(pd.DataFrame(rows))
    processed_tables.write_processed(blocks, RULE)
    training_tables.write_non_digits([("test", "signs", others)])
    training_tables.write_page_cuts([])
    pd.concat(statistics, ignore_index=True).to_parquet(paths.STATISTICS)
    paths.QUARANTINE.write_text("split,row,path,label,reasons\n")
