"""What people state about each source of pictures, in data/sources/<its name>/source.yaml: for the data card."""

from collections.abc import Iterable
from typing import NamedTuple

import yaml

from digits import paths
from digits.errors import UserError, printable


class SourceDescription(NamedTuple):
    """The keys of source.yaml, each a text; `link` is an address, or says that there is none."""

    title: str
    description: str
    publisher: str
    licence: str
    citation: str
    link: str


def read(names: Iterable[str]) -> dict[str, SourceDescription]:
    """The description of each source, by name, in the order of the names.

    Of a source without a file nothing is stated. Raises UserError where a file has other keys than the six texts.
    """
    return {name: _read(name) for name in sorted(set(names))}


def _read(name: str) -> SourceDescription:
    path, expected = paths.SOURCES / name / "source.yaml", set(SourceDescription._fields)
    shown = printable(path)
    example = f"{paths.SOURCES}/folder/source.yaml is an example"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        description = f"Described nowhere: {example} of what to write in {shown}."
        return SourceDescription(name, description, *["not stated"] * 4)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{shown} can't be read as YAML: {error}; {example}") from None
    if not isinstance(content, dict) or content.keys() != expected:
        found = ", ".join(map(str, content)) if isinstance(content, dict) else type(content).__name__
        raise UserError(
            f"{shown} has {found or 'no keys'}; expected {', '.join(SourceDescription._fields)}: "
            f"add what is missing, remove the rest; {example}"
        )
    for key, value in content.items():
        if not isinstance(value, str) or not value.strip():
            raise UserError(
                f"{shown}: {key} = {value!r} is no text: write one, in quotation marks where it is a number"
            )
    return SourceDescription(**content)
