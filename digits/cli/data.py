"""Commands on versions of the data, and on what is added to them."""

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from digits.cli.pages import enter_project, page_option
from digits.errors import UserError, printable
from digits.paths import DATA_DIFF, EXTERNAL

if TYPE_CHECKING:
    from digits.feedback.items import Item


@click.group()
def data() -> None:
    """Compare versions of the data, add labelled feedback to them, and set the drift reference."""


@data.command()
@click.argument("before")
@click.argument("after", required=False)
@page_option(DATA_DIFF)
def diff(before: str, after: str | None, page: Path | None) -> None:
    """Show the pictures added, removed and relabelled from revision BEFORE to AFTER, counts by label, and drift.

    AFTER defaults to the working tree. Example: digits data diff HEAD~1
    """
    from digits.params import load
    from digits.validation import difference
    from digits.vcs import revisions

    path, shown = enter_project(page, DATA_DIFF)
    large = load().validate_.expectations.drift.max
    commits = (revisions.commit(before), revisions.commit(after) if after else None)
    names = (printable(before), printable(after or revisions.WORKING_TREE))
    versions = [difference.read_version(commit) for commit in commits]
    found = difference.compare(*(version.table for version in versions))
    split_change = difference.format_split_change(*versions)
    print(f"data of {names[0]} → {names[1]}: {difference.format_difference(found, large)}")
    if split_change:
        print(f"\n{split_change}")
    difference.write_page(path, found, names, commits, large, split_change)
    print(f"\nopen {shown} to see the pictures")


@data.command()
@click.argument("uri", default="models:/digits@champion")
def reference(uri: str) -> None:
    """Set the drift reference to the training data of the model URI: writes data/reference.json, to be committed."""
    from digits.files import atomic_write
    from digits.paths import PROFILE, REFERENCE_PROFILE
    from digits.tracking import registry, runs, tags

    version = registry.resolve_alias(uri)
    here = PROFILE.exists() and tags.is_trained_on_data_here(version.tags)  # its profile has every statistic of today
    profile = PROFILE if here else runs.artifact_path(version.run_id, f"validation/{PROFILE.name}")
    if profile is None:
        raise UserError(f"the run {version.run_id} of {uri} has no validation/{PROFILE.name}: `make register` logs it")
    with atomic_write(REFERENCE_PROFILE) as temporary:
        temporary.write_bytes(profile.read_bytes())
    print(
        f"{REFERENCE_PROFILE} is now the profile of the training data of version {version.number}; "
        f"next: `git add {REFERENCE_PROFILE}`, and commit it"
    )


@data.command("add-labelled")
def add_labelled() -> None:
    """Put the feedback that `digits label` labelled into data/external, with its provenance.

    Each picture is written to data/external/<label>/, and a row to data/external/provenance.csv: who labelled it and
    when, the request ids, what people suggested, and what the model answered. Pictures that the data have already under
    the same label are left out.
    """
    from digits import paths
    from digits.feedback import adding
    from digits.feedback.queue import Queue

    os.chdir(paths.project_root())
    found = adding.add(Queue(paths.FEEDBACK))
    if found.added:
        print(f"added to {EXTERNAL}: {_count_labels(found.added)}")
        print(f"next: {_next_steps()}")
    if found.present:
        print(f"{len(found.present):,} left out, as the data have them under the same label")
    if not any(found):
        print("no labelled picture is left to add; `digits label` opens those that wait")
    if found.errors:
        raise UserError("\n".join(found.errors))


def _count_labels(items: "list[Item]") -> str:
    counts = Counter(item.label for item in items)
    by_label = ", ".join(f"{counts[label]:,} of {label}" for label in sorted(counts, key=str))
    return f"{len(items):,} picture{'s' if len(items) > 1 else ''} ({by_label})"


def _next_steps() -> str:
    """The commands that train with the pictures of data/external."""
    from digits.params import load

    sources = load().ingest.sources
    train = "`dvc repro`"
    if "folder" not in sources:
        train = f"`dvc exp run -S 'ingest.sources=[{','.join([*sources, 'folder'])}]'`"
    return f"`dvc add {EXTERNAL}`, then {train}" if EXTERNAL.with_suffix(".dvc").exists() else train
