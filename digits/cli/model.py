"""The command that classifies pictures with the champion."""

import json
from pathlib import Path

import click

from digits.errors import UserError


@click.command()
@click.argument("picture", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per picture, each on a line.")
def predict(picture: tuple[Path, ...], as_json: bool) -> None:
    """Print the predicted label and all probabilities of each PICTURE: one digit in a PNG, JPEG, TIFF, … of any size.

    Example: digits predict seven.png photos/*.jpg
    """
    import numpy as np

    digits = np.stack([_canonical(path) for path in picture])
    from digits.tracking import model_files, registry  # imports MLflow: only after all pictures are decoded

    classifier = model_files.load_classifier(registry.resolve_alias(registry.CHAMPION_URI))
    for path, probabilities in zip(picture, classifier.predict(digits).probabilities, strict=True):
        label = int(probabilities.argmax())
        if as_json:
            rounded = probabilities.round(6).tolist()
            print(json.dumps({"picture": str(path), "label": label, "probabilities": rounded}))
        else:
            others = "  ".join(f"{digit}: {probability:.1%}" for digit, probability in enumerate(probabilities))
            print(f"{path}  is {label}  ({probabilities[label]:.1%})\n  {others}")


def _canonical(path: Path):
    from digits.data import pictures

    try:
        return pictures.decode_canonical(path.read_bytes())
    except pictures.PictureError as error:
        raise UserError(f"{path}: {error}") from None
