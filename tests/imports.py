"""The project's files that a module imports, read from its source; imports inside functions are included."""

import ast
from collections.abc import Collection
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]


@cache
def imported_modules(path: Path) -> frozenset[str]:
    """Every dotted name that the file imports, `from a import b` as both `a` and `a.b`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(names)


def project_files(path: Path, without: Collection[str] = ()) -> set[str]:
    """The file itself and all project files that it imports, directly or not, as paths from the root.

    An `__init__.py` with only a docstring is left out, and so are the files and folders in `without` and what only they
    import.
    """
    seen: set[str] = set()
    waiting = [path.relative_to(ROOT).as_posix()]
    while waiting:
        file = waiting.pop()
        if file not in seen and not any(Path(file).is_relative_to(one) for one in without):
            seen.add(file)
            waiting += [found for name in imported_modules(ROOT / file) for found in _files_of(name)]
    return seen


def _files_of(module: str) -> list[str]:
    """A module's file, and the `__init__.py` of each package that importing it runs."""
    parts = module.split(".")
    places = [Path(*parts[: end + 1]) for end in range(len(parts))]
    candidates = [place / "__init__.py" for place in places] + [places[-1].with_suffix(".py")]
    return [
        path.as_posix()
        for path in candidates
        if parts[0] in ("digits", "pipeline") and (ROOT / path).is_file() and not _is_only_docstring(ROOT / path)
    ]


@cache
def _is_only_docstring(path: Path) -> bool:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body)
