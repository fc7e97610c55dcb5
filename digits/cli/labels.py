"""Commands that find wrong labels and correct them."""

import os

import click


@click.group()
def labels() -> None:
    """Find labels that are probably wrong, and correct them."""


@labels.command()
@click.option(
    "--folds", default=5, type=click.IntRange(2, 20), show_default=True, help="Networks that are trained, one a fold."
)
def find(folds: int) -> None:
    """List the labels that are probably wrong: writes reports/labels.csv, to be decided in, and reports/labels.html.

    Every digit of data/processed is predicted by a network that was trained without it, with the parameters of `train`.
    After Ctrl-C the same command goes on where it stopped. Decisions in an earlier reports/labels.csv are kept.
    """
    from digits import paths
    from digits.labels import search
    from digits.params import load

    os.chdir(paths.project_root())
    found = search.find(load(), folds)
    undecided = sum(not one.decision for one in found.issues)
    kept = f"\n{paths.LABEL_ISSUES} keeps {found.kept:,} other decided rows" if found.kept else ""
    print(
        f"{len(found.issues):,} labels of {found.digits:,} are probably wrong, {undecided:,} of them undecided{kept}\n"
        f"next: look at {paths.LABEL_PAGE}, write a digit, keep or drop into the column decision of "
        f"{paths.LABEL_ISSUES}, then `digits labels apply`"
    )


@labels.command()
@click.option("--who", metavar="NAME", help="Who decided; the default is git's user.name.")
def apply(who: str | None) -> None:
    """Write the decisions of reports/labels.csv into data/external/corrections.csv, which `dvc repro` applies.

    A decision is the right digit, 0 to 9, `keep` for the given label, or `drop` for a picture that shows no digit; rows
    without one are left undecided.
    """
    from datetime import UTC, datetime

    from digits import paths
    from digits.data import corrections
    from digits.labels import decisions, issues

    os.chdir(paths.project_root())
    listed, earlier = issues.read(), corrections.read()
    merged = decisions.merge(listed, earlier, who or user_name(), datetime.now(UTC).date().isoformat())
    for line in merged.changes:
        print(line)
    print(", ".join(f"{merged.counts[effect]:,} {effect}" for effect in decisions.EFFECTS))
    if merged.corrections == earlier:
        decided = merged.counts[decisions.UNDECIDED] < len(listed)
        hint = "" if decided else f": the column decision of {paths.LABEL_ISSUES} is empty"
        print(f"no correction is new{hint}")
        return
    corrections.write(merged.corrections.values())
    tracked = paths.EXTERNAL.with_suffix(".dvc").exists()
    track = f"dvc add {paths.EXTERNAL}" if tracked else f"git add {paths.CORRECTIONS} && git commit"
    print(f"{paths.CORRECTIONS} has {len(merged.corrections):,} corrections; next: `{track}`, then `dvc repro`")


def user_name() -> str:
    """git's user.name. Raises UserError where there is none."""
    from digits.errors import UserError
    from digits.vcs import git

    try:
        found = git.find("config", "user.name")
    except git.GitError:  # a folder without git
        found = None
    if not found:
        raise UserError("git has no user.name, so that nobody is known to have decided: give --who NAME")
    return found.decode().strip()
