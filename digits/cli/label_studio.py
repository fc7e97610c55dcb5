"""Commands that exchange the labelling queue with Label Studio."""

import os
from pathlib import Path

import click

from digits.errors import printable


@click.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def export_tasks(file: Path) -> None:
    """Write the waiting pictures to FILE as tasks of Label Studio, and next to it the labelling configuration.

    The tasks contain the pictures, the model's answers as predictions, and what people suggested.

    Example: digits feedback export tasks.json
    """
    from digits import paths
    from digits.feedback import label_studio
    from digits.feedback.queue import Queue

    count = label_studio.export(Queue(paths.project_root() / paths.FEEDBACK), file)
    config = file.with_suffix(".xml")
    label_studio.write_config(config)
    tasks = f"{count:,} task{'' if count == 1 else 's'}"
    print(f"{printable(file)} has {tasks}, {printable(config)} the labelling configuration for Label Studio")
    print(f"next: label them there, export as JSON, then `digits feedback import {printable(file.stem)}-labelled.json`")


@click.command("import")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--who", metavar="NAME", help="Who labelled; the default is git's user.name.")
def import_annotations(file: Path, who: str | None) -> None:
    """Take the labels from FILE, an export of Label Studio as JSON or JSON-MIN: all of them, or none after an error.

    Of several annotations of a picture the last one counts. What was skipped keeps waiting.
    """
    from digits import paths
    from digits.cli.labels import user_name
    from digits.feedback import label_studio
    from digits.feedback.labelling import format_progress
    from digits.feedback.queue import Queue

    file = file.absolute()
    os.chdir(paths.project_root())
    queue = Queue(paths.FEEDBACK)
    counts = label_studio.apply(queue, file, who or user_name())
    print(", ".join(f"{counts[effect]:,} {effect}" for effect in ("labelled", "dropped", "unchanged")))
    if counts["kept"]:
        print(f"{counts['kept']:,} kept, as the queue has a newer decision than the file: `digits label` changes it")
    print(f"the queue: {format_progress(queue)}")
