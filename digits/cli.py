"""The command line: use what the registry holds."""

import json
import os
import sys
from pathlib import Path

import click
import numpy as np

from digits import errors, pictures
from digits.errors import UserError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="digits")
def commands() -> None:
    """Read handwritten digits with the model that the registry calls champion.

    The registry is mlflow.db in the project's root, or wherever MLFLOW_TRACKING_URI points.
    """


@commands.command()
@click.argument("picture", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a picture, a line each.")
def predict(picture: tuple[Path, ...], as_json: bool) -> None:
    """Print the label of each PICTURE, one digit in a PNG, JPEG, TIFF, … of any size, and all probabilities.

    Example: digits predict seven.png photos/*.jpg
    """
    digits = np.stack([_canonical(path) for path in picture])
    from digits.tracking.registry import Model  # MLflow: only once every picture has been read

    for path, scores in zip(picture, Model().probabilities(digits), strict=True):
        label = int(scores.argmax())
        if as_json:
            print(json.dumps({"picture": str(path), "label": label, "probabilities": scores.round(6).tolist()}))
        else:
            others = "  ".join(f"{digit}: {score:.1%}" for digit, score in enumerate(scores))
            print(f"{path}  is {label}  ({scores[label]:.1%})\n  {others}")


@commands.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=5001, show_default=True, help="Port to listen on.")
def serve(host: str, port: int) -> None:
    """Serve the champion over HTTP with MLflow's own scoring server.

    POST {"inputs": [[[0, …], …]]}, canonical digits of 28 x 28 grey levels 0 to 255, to /invocations.
    """
    from digits.tracking.registry import CHAMPION, NAME, Model

    Model()  # says clearly, and before a server starts, where there is no champion
    _become_mlflow(
        "models", "serve", "-m", f"models:/{NAME}@{CHAMPION}", "--env-manager", "local", "-h", host, "-p", str(port)
    )


@commands.command()
@click.option("--port", default=5000, show_default=True, help="Port to listen on.")
def ui(port: int) -> None:
    """Open MLflow's page of runs and models on this machine."""
    from digits.tracking import store

    store.connect()
    address = store.uri()
    if address.startswith("http"):
        print(f"the record is kept by a server, which has a page of its own: open {address}")
        return
    _become_mlflow("server", "--backend-store-uri", address, "--port", str(port), "--workers", "1")


def _canonical(path: Path) -> np.ndarray:
    try:
        return pictures.digit(path.read_bytes())
    except pictures.PictureError as error:
        raise UserError(f"{path}: {error}") from None


def _become_mlflow(*arguments: str) -> None:
    """Replace this process by MLflow's command, so that Ctrl-C and signals reach it."""
    from digits.tracking import store

    environment = {**os.environ, "MLFLOW_TRACKING_URI": store.uri()}
    os.execve(sys.executable, [sys.executable, "-m", "mlflow", *arguments], environment)


def main() -> None:
    """Entry point of the `digits` command."""
    errors.run(lambda: commands(standalone_mode=True))
