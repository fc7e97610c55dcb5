"""Parts of the reference that are made from the project's files while the site is built.

A page has a line `<!-- generated: NAME -->` where the Markdown of the generator with this name goes.
"""

import re
from collections.abc import Callable

from sphinx.application import Sphinx

from docs._extensions import api, architecture, parameters, python, stages
from docs._extensions.markdown import ROOT

PLACE = re.compile(r"^<!-- generated: (\w+) -->$", re.MULTILINE)
GENERATORS: dict[str, Callable[[], str]] = {
    "api": api.page,
    "diagram": architecture.diagram,
    "modules": python.index,
    "parameters": parameters.page,
    "stages": stages.page,
    "tools": architecture.tools,
}
SOURCES = ("digits/**/*.py", "pipeline/*.py", "docs/_extensions/*.py", "dvc.yaml", "params.yaml", "pyproject.toml")


def setup(app: Sphinx) -> dict[str, bool]:
    """Let Sphinx insert the generated parts, and write the pages of modules."""
    app.connect("builder-inited", lambda app: python.write(app.srcdir / python.FOLDER))
    app.connect("source-read", insert)
    return {"parallel_read_safe": True}


def insert(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put what is generated in its place, and read the page again when a file changes from which it is made."""
    if PLACE.search(source[0]):
        source[0] = PLACE.sub(lambda found: GENERATORS[found[1]](), source[0])
        for path in [path for pattern in SOURCES for path in ROOT.glob(pattern)]:
            app.env.note_dependency(path, docname=docname)
