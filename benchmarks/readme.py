"""The figures of README.md, from the pages that the benchmarks write.

    python -m benchmarks.readme

Between `<!-- from PAGE: PATTERN -->` and `<!-- end -->` the README has the lines of the page that the pattern matches.
A test fails when they are out of date.
"""

import re
import sys
from pathlib import Path

from benchmarks.processes import ROOT
from digits.files import atomic_write

README = ROOT / "README.md"
BLOCK = re.compile(r"(<!-- from (\S+): (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)


def with_figures(readme: str) -> str:
    """The text of the README with the lines that the pages have now."""
    return BLOCK.sub(_block, readme)


def _block(found: re.Match[str]) -> str:
    begin, page, pattern, end = found.groups()
    lines: list[str] = []
    before = ""
    for line in (ROOT / page).read_text(encoding="utf-8").splitlines():
        rule = lines and before == lines[-1] and re.fullmatch(r"[|:-]+", line)  # below the heads of a table
        if rule or re.match(pattern, line):
            if lines and lines[-1].startswith("|") and not line.startswith("|"):
                lines.append("")  # a table ends there
            lines.append(line)
        before = line
    if not lines:
        sys.exit(f"README.md: no line of {page} matches {pattern}")
    return "\n".join([begin, *lines, "", end])


def write_page(page: Path, text: str) -> None:
    """Write a page of figures, and its lines in README.md."""
    _write(page, text)
    main()
    print(f"see {page.relative_to(ROOT)} and README.md")


def _write(path: Path, text: str) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def main() -> None:
    _write(README, with_figures(README.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
