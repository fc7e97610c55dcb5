"""The pages of modules: one for each package, from the docstrings and signatures in the source; nothing is imported."""

import ast
import re
from pathlib import Path
from typing import TypeGuard

from docs._extensions.annotations import Annotations
from docs._extensions.markdown import ROOT, linked, outside_code, prose, table

FOLDER = Path("reference/python")  # below docs/, written when the site is built
Function = ast.FunctionDef | ast.AsyncFunctionDef


def index() -> str:
    """The table of the pages, with the first line of each package's docstring, and the navigation."""
    rows = [(f"[{name}](python/{name}.md)", prose(_doc(files[0]).partition("\n")[0])) for name, files in pages()]
    entries = "\n".join(f"python/{name}" for name, _ in pages())
    return f"{table(('package', 'what it has'), rows)}\n```{{toctree}}\n:hidden:\n\n{entries}\n```\n"


def pages() -> list[tuple[str, list[Path]]]:
    """Each page's name and its modules; those of `digits` that are in no package are together on one page."""
    packages = [path.parent for path in sorted(ROOT.glob("digits/*/__init__.py"))]
    folders = [(f"digits.{folder.name}", folder.rglob("*.py")) for folder in packages]
    both = [("pipeline", ROOT.glob("pipeline/*.py")), ("digits", ROOT.glob("digits/*.py")), *folders]
    return [(name, sorted(files, key=lambda path: (path.name != "__init__.py", path))) for name, files in both]


def write(folder: Path) -> None:
    """Write the pages that have changed, and delete those of packages that are gone."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {f"{name}.md": f"# {name}\n\n" + "\n".join(map(module, files)) for name, files in pages()}
    for path in folder.iterdir():
        if path.name not in content:
            path.unlink()
    for name, text in content.items():
        if not (folder / name).exists() or (folder / name).read_text(encoding="utf-8") != text:
            (folder / name).write_text(text, encoding="utf-8")


def module(path: Path) -> str:
    """A module's docstring, and its public classes and functions with theirs."""
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    heading = f"## {name}\n\n" if name.count(".") > 1 or path.name != "__init__.py" else ""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    types = Annotations(name, tree)
    members = "\n".join(_member(node, types) for node in tree.body if _is_public(node))
    return f"{heading}```{{py:module}} {name}\n```\n\n{_text(tree)}\n\n{members}"


def _member(node: ast.AST, types: Annotations, kind: str = "function") -> str:
    """A directive of Sphinx's Python domain. A class contains its fields, as the source declares them, and methods."""
    text = _text(node)
    if isinstance(node, ast.ClassDef):
        fields = [
            f"- `{ast.unparse(one.target)}`: `{ast.unparse(one.annotation)}`" for one in node.body if _is_field(one)
        ]
        methods = [_member(one, types, "method") for one in node.body if isinstance(one, Function) and _is_public(one)]
        base = f"({', '.join(map(ast.unparse, node.bases))})" if node.bases else ""
        return "\n".join([f"``````{{py:class}} {node.name}{base}\n{text}\n", *fields, "", *methods, "``````\n"])
    assert isinstance(node, Function)
    decorators = {ast.unparse(one) for one in node.decorator_list}
    if decorators & {"property", "cached_property"}:
        return f"`````{{py:property}} {node.name}\n:type: {types.returned(node)}\n\n{text}\n`````\n"
    if kind == "method":
        node.args.args[:1] = []  # self
    return f"`````{{py:{kind}}} {node.name}{types.signature(node)}\n{text}\n`````\n"


def _is_field(node: ast.stmt) -> TypeGuard[ast.AnnAssign]:
    return isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id[0] != "_"


def _is_public(node: ast.AST) -> bool:
    """Whether it is a class or function for others. Those of the command line are on the page of commands."""
    if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
        return False
    return not any(re.search(r"\.(command|group)\b", ast.unparse(one)) for one in node.decorator_list)


def _doc(path: Path) -> str:
    return _text(ast.parse(path.read_text(encoding="utf-8")))


def _text(node: ast.AST) -> str:
    """A docstring; it is Markdown already, but for a < that begins no tag, and for the pages that it names."""
    lines = (ast.get_docstring(node) or "").splitlines()  # type: ignore[arg-type]
    return "\n".join(line if line.startswith("    ") else outside_code(line, _shown) for line in lines)


def _shown(text: str) -> str:
    return linked(text.replace("<", "&lt;"), "../../")
