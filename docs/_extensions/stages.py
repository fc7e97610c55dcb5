"""The page of stages, from dvc.yaml."""

from pathlib import Path
from typing import Any

import yaml

from docs._extensions.markdown import ROOT, code, codes, prose, table

FILE = ROOT / "dvc.yaml"
KINDS = {
    "params": "parameters",
    "deps": "dependencies",
    "outs": "outputs",
    "metrics": "metrics",
    "plots": "plots",
}


def page(path: Path = FILE) -> str:
    """A heading for each stage with its command and what it reads and writes; then the artifacts."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    stages = [_stage(name, stage) for name, stage in content["stages"].items()]
    rows = [
        (code(name), code(one["path"]), one["type"], prose(one["desc"])) for name, one in content["artifacts"].items()
    ]
    note = "`dvc artifacts get REPOSITORY NAME` copies one of them to another project.\n"
    return "\n".join([*stages, "## Artifacts\n", note, table(("name", "path", "type", "description"), rows)])


def _stage(name: str, stage: dict[str, Any]) -> str:
    rows = [(words, _listed(kind, stage[kind])) for kind, words in KINDS.items() if kind in stage]
    always = (
        "It runs each time `dvc repro` does, also where nothing has changed.\n" if stage.get("always_changed") else ""
    )
    parts = [
        f"## {name}\n",
        f"{prose(stage['desc'])}.\n",
        f"```text\n{stage['cmd']}\n```\n",
        always,
        table(("in dvc.yaml", "value"), rows),
    ]
    return "\n".join(part for part in parts if part)


def _listed(kind: str, entries: list[Any]) -> str:
    names = [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]
    if kind == "params":
        return ", ".join(f"[{code(name)}](parameters.md#{name.partition('.')[0]})" for name in names)
    return codes(names)
