"""What the register stage entered last from this working tree: so a stage that has nothing to do knows it at once.

DVC runs the stage each time, since the record alone can say whether it holds the model; and MLflow loads for seconds.
"""

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from digits import outputs
from digits.files import digest, read_json, write_json
from digits.tracking import store

RECEIPT = Path("models/entered.json")  # of this working tree alone: neither git nor DVC keeps it
CODE = ("digits/tracking/*.py", "pipeline/register.py")
# As digits/tracking/runs.py and registry.py name them, which load more than a look should cost.
WEIGHTS, CHAMPION = "weights_sha256", "champion"


def write(content: dict[str, Any]) -> None:
    """Keep what was entered, where the store is a database of this machine: a server is asked each time."""
    if store.database() is not None:
        write_json(RECEIPT, {"store": store.uri(), "inputs": _inputs(), "content": content})


def valid() -> dict[str, Any] | None:
    """What was entered, if the store is the same, holds it still, and nothing that decides about it has changed."""
    if not RECEIPT.exists() or store.database() is None:
        return None
    receipt = read_json(RECEIPT)
    same = receipt["store"] == store.uri() and receipt["inputs"] == _inputs()
    return receipt["content"] if same and _holds(receipt["content"][WEIGHTS]) else None


def _inputs() -> str:
    code = sorted(path for pattern in CODE for path in Path().glob(pattern))
    files = (Path("params.yaml"), outputs.WEIGHTS, outputs.ONNX, outputs.EVALUATED, *outputs.VALIDATION, *code)
    hashes = [digest(path, "sha256") if path.is_file() else "none" for path in files]
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def _holds(weights: str) -> bool:
    """Whether the database has a champion, and a version with these weights. MLflow's tables, read as they are."""
    path = store.database()
    if not path.exists():
        return False
    question = """
        SELECT 1 FROM model_version_tags
        JOIN model_versions USING (name, version) JOIN runs ON run_uuid = run_id
        JOIN registered_model_aliases ON registered_model_aliases.name = model_versions.name AND alias = ?
        WHERE key = ? AND value = ? AND current_stage != 'Deleted_Internal' AND lifecycle_stage = 'active'
    """
    try:
        with closing(sqlite3.connect(path)) as database:
            found = database.execute(question, (CHAMPION, WEIGHTS, weights)).fetchone()
    except sqlite3.Error:
        return False  # another MLflow's tables: it is asked itself
    return found is not None
