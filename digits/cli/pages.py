"""The option --page of the commands that write a page, and where it is."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from digits.errors import printable

Command = TypeVar("Command", bound=Callable[..., Any])


def page_option(default: Path) -> Callable[[Command], Command]:
    """A file, never a folder, relative to the folder that the command is called in."""
    return click.option(
        "--page",
        type=click.Path(path_type=Path, dir_okay=False),
        show_default=f"{default} of the project",
        help="Where to write the page.",
    )


def enter_project(page: Path | None, default: Path) -> tuple[Path, str]:
    """Change to the project's root; returns where to write the page, and its name as seen from the folder before."""
    from digits.paths import project_root

    called_in = Path.cwd()
    os.chdir(project_root())
    path = called_in / page if page else default
    return path, printable(os.path.relpath(path.absolute(), called_in))
