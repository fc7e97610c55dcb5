"""Labelled pictures of the queue become files in data/external, with their provenance."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from digits import paths
from digits.data import dataset, labelled_folders, picture_files, raw_tables
from digits.data.picture_files import PictureError, PictureFile
from digits.data.pictures import pixel_digest
from digits.errors import UserError, printable
from digits.feedback import provenance
from digits.feedback.items import ADDED, LABELLED, Item
from digits.feedback.provenance import Provenance, picture_path
from digits.feedback.queue import Queue
from digits.files import atomic_write


class Known(NamedTuple):
    """A picture that the data have: its label, 0 to 9 as text, and its path."""

    label: str
    path: str


class Added(NamedTuple):
    """What became of the labelled pictures: those that were added, those that the data had already, and messages.

    `errors` are of those that the data have under another label, or whose file is missing or damaged: they stay
    labelled.
    """

    added: list[Item]
    present: list[Item]
    errors: list[str]


def add(queue: Queue) -> Added:
    """Put the labelled pictures into data/external/<label>, and their rows into its provenance.csv.

    Where an earlier call was killed this one completes it: files come first, then the rows, then the queue's state.
    What was added before and is not in data/external any more, as after `dvc checkout` of an older one, is added again.
    Raises UserError where data/external is not as the source `folder` needs it, or another command changes it.
    """
    with provenance.lock(Path()):
        items = [*queue.items(LABELLED), *_lost(queue.items(ADDED))]
        pictures = _read(queue, items)
        known = _known(items, pictures)
        result = Added([], [], [])
        for item in items:
            if item.state == LABELLED or item.sha256 not in known:  # else another source has what was added
                _classify(item, item.sha256 in pictures, known.get(item.sha256), result)
        _write(result.added, pictures)
        queue.mark_added((item.sha256, item.label) for item in (*result.added, *result.present))
    return result


def _lost(items: Iterable[Item]) -> list[Item]:
    """Those of the pictures that were added whose file or row is gone."""
    rows = provenance.read()
    return [item for item in items if item.sha256 not in rows or not any(_own_files(item))]


def _read(queue: Queue, items: Iterable[Item]) -> dict[str, bytes]:
    """The pictures as PNG, by SHA-256; without those whose file is missing or has other pixels."""
    found = {}
    for item in items:
        try:
            picture = queue.picture(item.sha256)
        except KeyError:
            continue
        if pixel_digest(picture).hex() == item.sha256:
            found[item.sha256] = picture
    return found


def _classify(item: Item, has_file: bool, found: Known | None, result: Added) -> None:
    if not has_file:
        result.errors.append(
            f"the picture {item.sha256[:16]} is labelled {item.label}, but its file is missing or damaged: restore "
            f"{paths.FEEDBACK} from a backup, or `digits feedback forget {item.sha256[:16]}`"
        )
    elif found is None:
        result.added.append(item)
    elif found.label == item.label:
        result.present.append(item)
    else:
        result.errors.append(
            f"the picture {item.sha256[:16]} is labelled {item.label} by {item.who}, and {printable(found.path)} has "
            f"the same pixels and the label {found.label}: if {item.label} is right, correct that one "
            f"({paths.CORRECTIONS}, or `digits labels find`); else label this one {found.label}, or drop it"
        )


def _write(items: Iterable[Item], pictures: dict[str, bytes]) -> None:
    rows = provenance.read()
    before = dict(rows)
    for item in items:
        path = _path(item)
        if not path.is_file():
            with atomic_write(path) as temporary:  # a new file: nothing is written through a link into DVC's cache
                temporary.write_bytes(pictures[item.sha256])
        for other in _own_files(item):
            if other != path:  # left by a call that was killed before the picture was labelled anew
                other.unlink()
        rows[item.sha256] = _provenance(item, path)
    if rows != before:
        provenance.write(rows.values())


def _provenance(item: Item, path: Path) -> Provenance:
    texts = (
        item.label,
        item.who,
        item.decided,
        " ".join(item.request_ids),
        item.suggested,
        item.predicted,
        item.version,
    )
    return Provenance(item.sha256, path.as_posix(), *("" if text is None else str(text) for text in texts))


def _path(item: Item) -> Path:
    assert item.label is not None  # of a labelled one
    return picture_path(item.sha256, item.label)


def _own_files(item: Item) -> Iterator[Path]:
    """Where this picture's file is, under whatever label."""
    for label in dataset.LABELS:
        path = picture_path(item.sha256, str(label))
        if path.is_file():
            yield path


def _known(items: Iterable[Item], pictures: dict[str, bytes]) -> dict[str, Known]:
    """Those of the pictures that the data have, by the SHA-256 of their pixels."""
    wanted = set(pictures)
    if not wanted:
        return {}
    own = {path.as_posix() for item in items for path in _own_files(item)}
    found = _in_raw(wanted)
    sizes = {(file.mode, file.width, file.height) for file in map(PictureFile, pictures.values())}
    for label, names in _external_pictures().items():
        for path in (paths.EXTERNAL / str(label) / name for name in names):
            if path.as_posix() in own:
                continue
            digest = _digest(path, sizes)
            if digest in wanted:
                found[digest] = Known(str(label), path.as_posix())
    return found


def _external_pictures() -> dict[int, list[str]]:
    if not paths.EXTERNAL.is_dir():
        if paths.EXTERNAL.with_suffix(".dvc").exists():
            raise UserError(
                f"{paths.EXTERNAL} is not there, but DVC tracks it: `dvc checkout {paths.EXTERNAL}` or `dvc pull` "
                "restores it; else `dvc add` would make a version without the pictures that it has"
            )
        return {}
    return labelled_folders.listing(paths.EXTERNAL, is_only_source=False).names


def _in_raw(wanted: set[str]) -> dict[str, Known]:
    """The same of the ingested pictures, but for those of data/external, which may have changed since."""
    found: dict[str, Known] = {}
    for split in dataset.SPLITS:
        file = paths.RAW / f"{split}.parquet"
        if not file.exists():
            continue
        hashes = dataset.read_hashes(file).astype(str)
        rows = [row for row, sha256 in enumerate(hashes) if sha256 in wanted]
        if rows:
            for row, example in raw_tables.read_rows(file, split, set(rows)).items():
                if not Path(example.path).is_relative_to(paths.EXTERNAL):
                    found[hashes[row]] = Known(str(example.label), example.path)
    return found


def _digest(path: Path, sizes: set[tuple[str, int, int]]) -> str | None:
    """The SHA-256 of a picture's pixels; None where its mode or size is none of these, which its header says."""
    data = labelled_folders.read(path)
    try:
        with picture_files.errors(data):
            file = PictureFile(data)
    except PictureError:
        return None  # `validate` reports it
    return pixel_digest(data).hex() if (file.mode, file.width, file.height) in sizes else None
