"""Self-contained HTML pages: no other file, no address, no date."""

from base64 import b64encode
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from digits.errors import printable
from digits.files import atomic_write
from digits.visualization import formats


def write(path: Path, template: str, **content: Any) -> None:
    """Render the template with the content, every text escaped, and write the page to `path`."""
    environment = Environment(loader=PackageLoader(__package__), autoescape=True, undefined=StrictUndefined)
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.filters |= {"embedded": embedded, "printable": printable, **formats.FILTERS}
    with atomic_write(path) as temporary:
        temporary.write_text(environment.get_template(template).render(**content), encoding="utf-8")


def embedded(picture: bytes, kind: str = "png") -> str:
    """A PNG, or a picture of another kind such as jpeg, as a data URL, for the source of an image."""
    return f"data:image/{kind};base64," + b64encode(picture).decode()
