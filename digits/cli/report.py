"""The command that says what changed since a revision."""

import os

import click


@click.command()
@click.option(
    "--since", metavar="REVISION", default="main", show_default=True, help="Compare with the merge base with it."
)
@click.option("--until", metavar="REVISION", help="Compare this commit, not the working tree.")
def report(since: str, until: str | None) -> None:
    """Print, as Markdown, what changed since a revision: metrics, parameters, data, plots and stages.

    Compared are the merge base of the branch with REVISION, where the branch began, and the working tree. A CI job can
    post the output as the comment of a pull request, as .github/workflows/report.yml does.

    Example: digits report --since main > report.md
    """
    from digits.comparison import changes
    from digits.paths import project_root

    os.chdir(project_root())
    print(changes.report(since, until), end="")
