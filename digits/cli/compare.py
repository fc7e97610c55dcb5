"""The command that compares two models."""

from pathlib import Path

import click

from digits.cli.pages import enter_project, page_option
from digits.paths import COMPARISON, FEEDBACK, SERVED


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="[B]", required=False)
@page_option(COMPARISON)
def compare(first: str, second: str | None, page: Path | None) -> None:
    """Compare the models A and B on the same test digits: figures, what one alone reads, slices and parameters.

    A and B are each, tried in this order: a version or an alias of the registry (3, champion, models:/digits@champion),
    a run (its id, the first 6 characters of it, or its name), an experiment of DVC, or a git revision. Without B, A is
    compared with the model of the working tree. It prints Markdown, and writes a page with pictures. Where the service
    answered with one of them in the shadow of the other, it reports where they differ, and who was right on what people
    corrected.

    \b
    Examples:
      digits compare champion
      digits compare champion challenger
      digits compare HEAD~1 small-one --page small-one.html
    """
    from digits.comparison import names, result, shadow, text
    from digits.comparison import page as comparison_page
    from digits.feedback.queue import Queue
    from digits.vcs import revisions

    path, shown = enter_project(page, COMPARISON)
    models = (names.find(first), names.find(second))
    asked = (first, second or revisions.WORKING_TREE)
    if models[0].sha256 == models[1].sha256:
        print("\n".join(text.meanings(asked, models)) + "\nA and B are the same model, byte for byte")
        return
    found = result.compare(*models)
    in_shadow = shadow.find(SERVED, models[0].sha256, models[1].sha256, Queue(FEEDBACK).items())
    print(text.document(asked, models, found, in_shadow))
    comparison_page.write(path, asked, models, found, in_shadow)
    print(f"\nopen {shown} to see the pictures")
