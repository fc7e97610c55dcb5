"""Tables as they are at a revision, or in DVC's cache: their files, as `shards.opened` takes them."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from digits.data import shards
from digits.data.shards import ParquetSource
from digits.files import read_json
from digits.vcs import dvc_files


def at_revision(path: Path, revision: str | None, stage: str = "validate") -> Iterator[ParquetSource]:
    """The files of a table that `stage` writes, at a revision (None: in the working tree), in the order of its rows.

    Each is closed when the next one is taken. Raises UserError where that revision has no such table, or neither the
    cache nor a remote has it.
    """
    files = dvc_files.files_at(path, revision)
    for name in (shards.LIST, shards.LOCAL_LIST):
        if path / name in files:
            with dvc_files.opened(path / name, revision, stage) as opened:
                listed = json.load(opened)
            if name == shards.LIST:
                yield from shards.addresses(listed)
                return
            files = [path / shard for shard in listed]
    for file in files:
        with dvc_files.opened(file, revision, stage) as opened:
            yield opened


def in_cache(path: Path, md5: str, locked: str | None = None) -> list[ParquetSource] | None:
    """The files of the table at `path` with this hash of DVC's; None where the cache lacks one.

    `locked` is a hash that dvc.lock names where it names the output with this table, by default the table's own.
    """
    found = dvc_files.cached_files(md5, path, locked)
    if not found:
        return None
    if shards.LIST in found:
        return [*shards.addresses(read_json(found[shards.LIST]))]
    names = read_json(found[shards.LOCAL_LIST]) if shards.LOCAL_LIST in found else found
    return [str(found[name]) for name in names] if found.keys() >= set(names) else None


def is_unaltered(table: Iterable[ParquetSource]) -> bool:
    """Whether the files in the cache, of those that `in_cache` gives, have the content that their names say."""
    return all(dvc_files.is_unaltered(Path(one)) for one in map(str, table) if not shards.is_remote(one))
