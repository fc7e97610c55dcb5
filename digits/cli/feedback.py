"""Commands on what people sent to the service as feedback."""

import os
from typing import TYPE_CHECKING

import click

from digits.cli import label_studio

if TYPE_CHECKING:
    from digits.feedback.items import Item
    from digits.feedback.queue import Queue
    from digits.feedback.removal import Removed

ID_LENGTH = 16  # characters of a picture's SHA-256 that are shown


@click.group()
def feedback() -> None:
    """List and delete the pictures that people sent to the service as misread."""


feedback.add_command(label_studio.export_tasks)
feedback.add_command(label_studio.import_annotations)


@feedback.command("list")
@click.option(
    "--state", type=click.Choice(["waiting", "labelled", "dropped", "added"]), help="Only the pictures in this state."
)
def list_items(state: str | None) -> None:
    """List the pictures: those that wait for a label first, in the order in which they are labelled."""
    from tabulate import tabulate

    from digits import paths
    from digits.feedback.items import STATES
    from digits.feedback.queue import Queue

    os.chdir(paths.project_root())
    queue = Queue(paths.FEEDBACK)
    expire(queue)
    found = [item for one in ([state] if state else STATES) for item in queue.items(one)]
    if not found:
        print(f"there is no {state + ' ' if state else ''}picture in {paths.FEEDBACK}")
        return
    headers = ("id", "received (UTC)", "suggested", "predicted", "probability", "state")
    print(tabulate(map(_row, found), headers, tablefmt="simple", disable_numparse=True))


@feedback.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="Delete all pictures.")
@click.option("--yes", is_flag=True, help="Delete all without asking.")
def forget(ids: tuple[str, ...], everything: bool, yes: bool) -> None:
    """Delete pictures and all that is known of them, also from data/external.

    An ID is the request id of a feedback or of the answer that it is about, or 8 or more characters of a picture's id.
    """
    from digits import paths
    from digits.feedback import removal
    from digits.feedback.queue import Queue

    if bool(ids) == everything:
        raise click.UsageError("give the IDs of pictures, or --all")
    root = paths.project_root()
    os.chdir(root)
    queue = Queue(paths.FEEDBACK)
    if everything and not yes:
        found = _pictures(queue.counts().total())
        click.confirm(f"delete {found} of the queue, and all feedback in {paths.EXTERNAL}?", abort=True)
    removed = removal.forget_all(queue, root) if everything else removal.forget(queue, ids, root)
    expire(queue)
    print(_summary(removed))


def expire(queue: "Queue") -> None:
    """Remove what is kept for too long, as a service does that runs: of a project's queue, in its root."""
    from digits.params import load

    queue.expire(load().serve.feedback.keep_days)


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count:,} pictures"


def _row(item: "Item") -> tuple[str, ...]:
    probability = "" if item.probability is None else f"{item.probability:.1%}"
    return (
        item.sha256[:ID_LENGTH],
        item.received.replace("T", " ").rstrip("Z"),
        item.suggested or "",
        ("" if item.predicted is None else str(item.predicted)) + ("" if item.accepted else " (refused)"),
        probability,
        item.state if item.label in (None, "drop") else f"{item.state}: {item.label}",
    )


def _summary(removed: "Removed") -> str:
    """What was deleted, and what to do about what was learned."""
    from digits import paths

    lines = [f"{_pictures(len(removed.sha256s))} deleted"]
    if removed.predictions:
        lines.append(f"deleted of the predictions of a challenger: {removed.predictions:,}")
    if removed.files:
        lines += [f"deleted from the training data: {path}" for path in removed.files]
        track = f"`dvc add {paths.EXTERNAL}`, then " if paths.EXTERNAL.with_suffix(".dvc").exists() else ""
        lines.append(
            f"next: {track}`dvc repro` trains without them; versions that were trained with them keep what they "
            "learned, and DVC's cache keeps the files until `dvc gc --workspace`: docs/reference/feedback.md"
        )
    return "\n".join(lines)
