"""Which of the project's own files a module imports, read from the source, those inside functions included."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]


def imported_modules(path: Path) -> set[str]:
    """Every dotted name that the file imports, `from a import b` as both `a` and `a.b`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def project_files(path: Path) -> set[str]:
    """The file itself and all of ours that it imports, directly or not, as paths from the root."""
    seen: set[str] = set()
    waiting = [path.relative_to(ROOT)]
    while waiting:
        file = waiting.pop()
        if file.as_posix() not in seen:
            seen.add(file.as_posix())
            waiting += [found for name in imported_modules(ROOT / file) for found in _files_of(name)]
    return seen


def _files_of(module: str) -> list[Path]:
    """A module's file, and the `__init__.py` of each package that importing it runs."""
    parts = module.split(".")
    places = [Path(*parts[: end + 1]) for end in range(len(parts))]
    candidates = [place / "__init__.py" for place in places] + [places[-1].with_suffix(".py")]
    return [path for path in candidates if parts[0] in ("digits", "pipeline") and (ROOT / path).is_file()]
