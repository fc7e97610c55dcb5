"""The page of DVC's plots with Vega's JavaScript in it: DVC's own page loads that from the internet.

`make setup` runs it, and sets DVC's plots.html_template.
"""

from pathlib import Path

from markupsafe import Markup

from digits import paths
from digits.errors import run
from digits.visualization import pages

VEGA_LITE = "5.21"  # DVC's templates are of Vega-Lite 5
# DVC calls vegaEmbed without options. Vega's editor is a website.
SCRIPT = """
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
const options = { actions: { editor: false }, ...(dark && { theme: "dark", config: { background: "transparent" } }) };
window.vegaEmbed = (element, spec) => vegaEmbed(element, spec, options);
"""


def write(path: Path) -> None:
    """Write the template in which DVC replaces {plot_divs} by the plots."""
    from vl_convert import javascript_bundle

    pages.write(path, "dvc_plots.html", script=Markup(javascript_bundle(SCRIPT, VEGA_LITE)))


def main() -> None:
    write(paths.PLOTS_PAGE)


if __name__ == "__main__":
    run(main)
