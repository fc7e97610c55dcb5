"""Where the tables of a stage are written: a table for each split, or shards that last as long as the stage."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from digits.data import dataset, shards
from digits.data.shards import Destination
from digits.files import remove


def of_splits(storage: str | None, temporary: Path, folder: Path) -> dict[str, Destination]:
    """The destination of each split's table in `folder` of the project, which `temporary` takes the place of."""
    names = {split: f"{split}.parquet" for split in dataset.SPLITS}
    return {split: shards.destination(storage, temporary / name, folder / name) for split, name in names.items()}


@contextmanager
def temporary(storage: str | None, folder: Path) -> Iterator[Destination]:
    """An empty place that all executors see, removed at the end: `folder`, or one with its own name in the storage."""
    name = f"{folder.name}-{uuid4().hex}"  # another project may run the same stage in the same storage
    place = shards.destination(storage, folder, folder.with_name(name))
    remove(folder)  # what a killed process left
    folder.mkdir(parents=True)
    try:
        yield place
    finally:
        shards.discard(place)


def inside(place: Destination, name: str) -> Destination:
    """A folder in a destination."""
    return Destination(place.folder / name, f"{place.storage}/{name}" if place.storage else "")
