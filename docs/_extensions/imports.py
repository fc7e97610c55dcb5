"""The packages of `digits`, their floors, and who imports whom and what, as import-linter's graph has it."""

import re
import tomllib
from functools import cache
from importlib.metadata import packages_distributions

import grimp

from docs._extensions.markdown import ROOT

PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
# A dependency in pyproject.toml, and the comment that says what it is for
DEPENDENCY = re.compile(r'^(?:\w+ = \[|    )"([\w-]+)[^"\n]*"[],]\s+# (.+)$', re.MULTILINE)


def floors() -> list[list[str]]:
    """The floors from top to bottom, as the contract in pyproject.toml has them; the stages share the top one."""
    contracts = tomllib.loads(PROJECT)["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if "containers" in contract)
    top, *others = (re.split(r"\s*[|:]\s*", layer) for layer in layers)
    return [["pipeline", *top], *others]


def edges() -> set[tuple[str, str]]:
    """Pairs of packages of which one imports the other; of a → b, b → c and a → c the last follows, and is left out."""
    below: dict[str, set[str]] = {}
    for a, b in _imports():
        if package(a) and package(b) and package(a) != package(b):
            below.setdefault(package(a), set()).add(package(b))

    @cache
    def reached(name: str) -> frozenset[str]:
        return frozenset(below.get(name, ())).union(*map(reached, below.get(name, ())))

    return {(a, b) for a, names in below.items() for b in names if not any(b in reached(c) for c in names)}


def owners() -> dict[str, tuple[str, str]]:
    """Each library that one package alone imports: that package, and what pyproject.toml says the library is for."""
    users: dict[str, set[str]] = {}
    for a, b in _imports():
        if package(a) and not package(b):
            users.setdefault(b, set()).add(package(a))
    purposes, distributions = dict(DEPENDENCY.findall(PROJECT)), packages_distributions()
    found = {}
    for library, packages in users.items():
        names = {name.lower().replace("_", "-") for name in distributions.get(library, [library])}
        for name in sorted(names & purposes.keys())[:1] if len(packages) == 1 else ():
            found[name] = (*packages, purposes[name])
    return found


def package(module: str) -> str:
    """The part of `digits` that a module is in, or `pipeline`; empty for `digits` itself and for a library."""
    root, *names = module.split(".")
    return root if root == "pipeline" else names[0] if root == "digits" and names else ""


@cache
def _imports() -> list[tuple[str, str]]:
    graph = grimp.build_graph("digits", "pipeline", include_external_packages=True, cache_dir=None)
    return [(a, b) for a in graph.modules for b in graph.find_modules_directly_imported_by(a)]
