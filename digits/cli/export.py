"""The commands that write the model for other inference servers."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from digits.cli.pages import Command
from digits.errors import UserError, printable

if TYPE_CHECKING:
    from digits.export.triton import ExportedModel

NAME = re.compile(r"[\w.-]{1,255}", re.ASCII)
model_argument = click.argument("model", default="champion")
instances_option = click.option(
    "--instances",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Instances of the model in each server, each with a thread.",
)


def out_option(default: str) -> Callable[[Command], Command]:
    return click.option(
        "--out",
        metavar="FOLDER",
        type=click.Path(path_type=Path),
        default=default,
        show_default=True,
        help="The folder to write; an earlier export in it is replaced.",
    )


@click.group()
def export() -> None:
    """Write a registered model for another inference server, as ONNX with its configuration."""


@export.command()
@model_argument
@out_option("exports/triton")
@instances_option
def triton(model: str, out: Path, instances: int) -> None:
    """Write a model repository for Triton Inference Server. MODEL is an alias or the number of a version.

    \b
    Example:
      digits export triton champion --out repository
      tritonserver --model-repository=repository
    """
    from digits.export import triton as writer

    found = _checked(model)
    writer.write(out, found, instances)
    print(f"version {found.version}: {printable(out)} is a model repository; its README.md says how to use it")


@export.command()
@model_argument
@out_option("exports/kserve")
@instances_option
@click.option("--storage-uri", metavar="ADDRESS", help="Where the folder `models` will be, as s3://BUCKET/digits.")
def kserve(model: str, out: Path, instances: int, storage_uri: str | None) -> None:
    """Write an InferenceService for KServe, and the model repository that it loads. MODEL is as for `triton`.

    \b
    Example:
      digits export kserve champion --out kserve --storage-uri s3://models/digits
      aws s3 sync kserve/models s3://models/digits && kubectl apply -f kserve/inference_service.yaml
    """
    from digits.export import kserve as writer

    found = _checked(model)
    writer.write(out, found, instances, storage_uri or writer.PLACEHOLDER)
    written = f"version {found.version}: {printable(out)} has inference_service.yaml, models and README.md"
    print(written if storage_uri else f"{written}; replace {writer.PLACEHOLDER} in the first by the address of models")


def _checked(model: str) -> "ExportedModel":
    """The version with this alias or number, its file checked as where it is loaded."""
    from digits.export.triton import ExportedModel
    from digits.files import digest
    from digits.tracking import registry, version_checks

    if not NAME.fullmatch(model):
        raise UserError(f"{printable(model)!r} is no version: expected an alias, such as champion, or a number")
    version = registry.find_named(model)
    path = version_checks.checked_file(version)
    version_checks.load_checked(version, path)
    return ExportedModel(path, version.number, digest(path, "sha256"))
