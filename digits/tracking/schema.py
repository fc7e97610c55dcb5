"""The schema of MLflow's tables: of which version of MLflow it is."""

import re
from pathlib import Path

OLDER, NEWER = "schema of an older MLflow", "schema of a newer MLflow"


def words(error: BaseException) -> str:
    """What an error says; where that is MLflow's error on a schema, with OLDER or NEWER before it.

    MLflow calls a schema that it does not know "out-of-date" as well.
    """
    said = f"{type(error).__name__}: {error}"
    found = re.search(r"database schema \(found version (\w+),", said)
    if found is None:
        return said
    import mlflow

    known = Path(mlflow.__file__).parent / "store" / "db_migrations" / "versions"
    return f"{OLDER if any(known.glob(f'{found[1]}_*.py')) else NEWER}: {said}"
