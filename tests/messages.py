"""The messages of errors, found in the code of digits/ and pipeline/: their constant parts, as regular expressions."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from digits import errors
from tests.imports import ROOT

# Errors of others whose message a user reads; of our own, those below UserError and PictureError are found
RAISED = {"UserError", "PictureError", "Interrupted", "UsageError", "BadParameter", "_fail"}
# Where the text of a message, or of its end, is made by another function
MADE_BY = {
    "digits/cli/data.py": ("digits/feedback/adding.py", "_classify"),
    "digits/cli/drift.py": ("digits/cli/drift.py", "_measure"),
    "digits/cli/ports.py": ("digits/cli/ports.py", "explain"),
    "digits/data/download.py": ("digits/data/download.py", "_cause", "_status"),
    "digits/data/labelled_folders.py": ("digits/data/labelled_folders.py", "_folder_error", "_file_error", "listing"),
    "digits/data/labelled_parquet.py": ("digits/data/labelled_parquet.py", "_problem"),
    "digits/data/picture_files.py": ("digits/data/picture_files.py", "_too_large"),
    "digits/errors.py": ("digits/errors.py",),  # what the system says
    "digits/feedback/label_studio.py": ("digits/feedback/label_studio.py", "_check"),
    "digits/params/file.py": ("digits/params/file.py", "_format"),
    "digits/process_group.py": ("digits/process_group.py", "_lost"),
    "digits/serving/following/fetching.py": ("digits/tracking/causes.py", "message"),
    "digits/spark/failures.py": ("digits/spark/tasks.py", "_shared_folder_required"),
    "digits/tracking/runs.py": ("digits/tracking/causes.py", "message"),
    "digits/tracking/server.py": ("digits/tracking/server.py", "_refusal"),
    "digits/tracking/store.py": ("digits/tracking/causes.py", "message"),
}
ANY = "(?s:.*)"


class Message(NamedTuple):
    """A message: where it is in the code, and the pattern that it matches, constant but for `ANY`."""

    place: str
    pattern: str

    @property
    def constant(self) -> str:
        return re.sub(r"\\(.)", r"\1", self.pattern.replace(ANY, "…"))


def find_all() -> list[Message]:
    """All messages, in the order of the files."""
    trees = {path: ast.parse(path.read_text()) for path in _files()}
    classes = [node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    raised = set(RAISED)
    while more := {one.name for one in classes if {_name(base) for base in one.bases} & raised} - raised:
        raised |= more
    found = [Message("digits/errors.py", re.escape(errors.INTERRUPTED))]
    for path, tree in trees.items():
        name = path.relative_to(ROOT).as_posix()
        names = raised | {"ValueError"} if name.startswith("digits/params/") else raised
        made = [names_of for names_of in MADE_BY.values() if names_of[0] == name]
        functions = {one for names_of in made for one in names_of[1:]}
        for line, pattern in sorted(of_tree(tree, names, functions)):
            found.append(Message(f"{name}:{line}", pattern))
    return found


def _files() -> list[Path]:
    return sorted(path for folder in ("digits", "pipeline") for path in (ROOT / folder).rglob("*.py"))


def of_tree(tree: ast.Module, raised: set[str], functions: set[str]) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and _name(node.func) in raised:
            before = ANY if _name(node.func) == "ValueError" else ""  # the name of the key
            yield node.lineno, before + _pattern(node.args[0])
        elif isinstance(node, ast.Call) and _name(node.func) == "Cause":  # of a tracking store
            what, fix = (_pattern(one) for one in node.args[1:3])
            fix = fix.replace(r"\{store\}", ANY)
            yield node.lineno, rf"the\ tracking\ store\ {ANY}\ {what}\ \({ANY}\);\ {fix}"
        elif isinstance(node, ast.FunctionDef) and node.name in functions:
            yield from _made(node)


def _made(function: ast.FunctionDef) -> Iterator[tuple[int, str]]:
    """What a function returns, adds to `errors` or lists, where it is text."""
    for node in ast.walk(function):
        texts: list[ast.expr] = []
        if isinstance(node, ast.Return) and node.value:
            texts = [node.value.body, node.value.orelse] if isinstance(node.value, ast.IfExp) else [node.value]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("errors.append"):
            texts = node.args
        elif isinstance(node, ast.ListComp):
            texts = [node.elt]
        for text in texts:
            pattern = _pattern(text)
            if not is_opaque(pattern):
                yield text.lineno, f"{ANY}{pattern}{ANY}"


def is_opaque(pattern: str) -> bool:
    """Whether a message has no words of its own."""
    return re.search("[a-z]{3}", pattern.replace(ANY, "")) is None


def _pattern(node: ast.expr) -> str:
    match node:
        case ast.Constant(str(text)):
            return re.escape(text).replace("\\\n", r"\s")
        case ast.JoinedStr(values):
            return "".join(map(_pattern, values))
        case ast.BinOp(left, ast.Add(), right):
            return _pattern(left) + _pattern(right)
        case ast.Call(ast.Name("redact"), [text]) | ast.Call(ast.Attribute(text, "rstrip"), []):
            return _pattern(text)
        case _:
            return ANY


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
