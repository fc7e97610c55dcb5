"""What lets a Python process lack the packages that requirements-serve.txt does not lock, as in the service's image."""

import re
from importlib.metadata import packages_distributions

from tests.imports import ROOT

LOCKED = set(re.findall(r"^([a-z0-9.-]+)==", (ROOT / "requirements-serve.txt").read_text(), re.MULTILINE))
HIDE = """
import sys

class Finder:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, *place):
        return None if name.partition(".")[0] in {modules} else self.finder.find_spec(name, *place)

    def find_distributions(self, context):
        find = getattr(self.finder, "find_distributions", None)
        return find(context) if find and context.name not in {packages} else ()

sys.meta_path[:] = map(Finder, sys.meta_path)
"""


def owners() -> dict[str, set[str]]:
    """The packages that each installed module is of, by the names that they have in a lock."""
    found = packages_distributions().items()
    return {module: {one.lower().replace("_", "-") for one in packages} for module, packages in found}


def hidden_modules() -> set[str]:
    return {module for module, packages in owners().items() if not packages & LOCKED} - {"digits"}


def code() -> str:
    """Python that hides them in its process."""
    packages = set().union(*owners().values()) - LOCKED - {"digits"}
    return HIDE.format(modules=hidden_modules(), packages=packages)
