"""Commands on versions of the data."""

from pathlib import Path

import click

from digits.cli.pages import enter_project, page_option
from digits.errors import UserError, printable
from digits.paths import DATA_DIFF


@click.group()
def data() -> None:
    """Compare versions of the data, and set the drift reference."""


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
    from digits.tracking import registry, runs

    version = registry.resolve_alias(uri)
    profile = runs.artifact_path(version.run_id, f"validation/{PROFILE.name}")
    if profile is None:
        raise UserError(f"the run {version.run_id} of {uri} has no validation/{PROFILE.name}: `make register` logs it")
    with atomic_write(REFERENCE_PROFILE) as temporary:
        temporary.write_bytes(profile.read_bytes())
    print(
        f"{REFERENCE_PROFILE} is now the profile of the training data of version {version.number}; "
        f"next: `git add {REFERENCE_PROFILE}`, and commit it"
    )
