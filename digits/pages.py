"""HTML pages that hold all that they show: no file beside them, no address, no script, no date."""

from base64 import b64encode
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from digits.errors import printable
from digits.files import replacing


def write(path: Path, template: str, **content: Any) -> None:
    """Fill `digits/templates/<template>` with the content, every text escaped, and write the page to `path`."""
    environment = Environment(
        loader=PackageLoader("digits"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["embedded"] = embedded
    environment.filters["printable"] = printable
    with replacing(path) as beside:
        beside.write_text(environment.get_template(template).render(**content), encoding="utf-8")


def embedded(png: bytes) -> str:
    """A PNG as an address that a page may name as a picture's source."""
    return "data:image/png;base64," + b64encode(png).decode()
