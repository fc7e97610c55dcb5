"""Settings of Sphinx for the site of the documentation: `make docs` builds it."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # for docs._extensions, which reads the project's files

project = "Digits"
author = "the maintainers of Digits"
version = release = installed_version("digits")

extensions = [
    "myst_parser",
    "sphinx_click",
    "sphinx_copybutton",
    "docs._extensions.click_help",
    "docs._extensions.generated",
]
exclude_patterns = ["_build", "_extensions"]
myst_enable_extensions = ["attrs_block"]  # for the class of the tables that are generated
# Links such as page.md#heading work as on GitHub.
myst_heading_anchors = 4
myst_heading_slug_func = "docs._extensions.markdown.anchor"

smartquotes = False  # an option begins with --
highlight_language = "text"

html_theme = "furo"
html_title = f"Digits {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
add_module_names = False
toc_object_entries = False  # a page's contents list its modules, not each function
python_maximum_signature_line_length = 90
copybutton_selector = "div.highlight-sh pre, div.highlight-python pre"  # text is what a command prints
