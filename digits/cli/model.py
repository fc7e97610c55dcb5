"""The command that classifies pictures with the champion."""

import json
from pathlib import Path

import click

from digits.errors import UserError, printable


@click.command()
@click.argument("picture", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per picture, each on a line.")
def predict(picture: tuple[Path, ...], as_json: bool) -> None:
    """Print the predicted label and all probabilities of each PICTURE: one digit in a PNG, JPEG, HEIC, … of any size.

    A picture that can't be read has its error in its row, and the exit status is then 1. Example: digits predict
    seven.png photos/*.jpg
    """
    import numpy as np

    rows = [{"picture": str(path)} | _read(path) for path in picture]
    readable = [row for row in rows if "digit" in row]
    if readable:
        from digits.tracking import registry, version_checks  # imports MLflow: only after all pictures are decoded

        classifier = version_checks.load_classifier(registry.resolve_alias(registry.CHAMPION_URI))
        probabilities = classifier.predict(np.stack([row.pop("digit") for row in readable])).probabilities
        for row, some in zip(readable, probabilities, strict=True):
            row |= {"label": int(some.argmax()), "probabilities": some.round(6).tolist()}
    for row in rows:
        print(json.dumps(row) if as_json else _as_text(row))
    if len(readable) < len(rows):
        raise UserError(f"{len(rows) - len(readable)} of {len(rows)} pictures can't be read: see their rows")


def _read(path: Path) -> dict:
    """The picture's canonical digit, or the error."""
    from digits.data import pictures

    try:
        return {"digit": pictures.decode_canonical(path.read_bytes())}
    except OSError as error:
        return {"error": f"can't be read: {error.strerror or error}"}
    except pictures.PictureError as error:
        return {"error": str(error)}


def _as_text(row: dict) -> str:
    name = printable(row["picture"])
    if "error" in row:
        return f"{name}  error: {row['error']}"
    others = "  ".join(f"{digit}: {probability:.1%}" for digit, probability in enumerate(row["probabilities"]))
    return f"{name}  is {row['label']}  ({max(row['probabilities']):.1%})\n  {others}"
