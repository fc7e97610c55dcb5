"""The generated reference has every parameter, stage, route, module and package, as their sources describe them."""

import ast
import os
import re
from pathlib import Path

import pytest
import yaml

from digits.params.file import Params, flatten, load
from docs._extensions import api, architecture, click_help, imports, layout, parameters, python, stages
from docs._extensions.annotations import Annotations
from docs._extensions.generated import GENERATORS, PLACE
from docs._extensions.markdown import anchor, codes, prose, table
from tests.imports import ROOT

ROW = re.compile(r"^\| `([\w.]+)` \| (.*?) \| (.*?) \| (.*?) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def described() -> dict[str, tuple[str, ...]]:
    """Type, default and reason of each parameter on its page."""
    return {key: rest for key, *rest in ROW.findall(parameters.page())}


@pytest.fixture(scope="module")
def routes() -> str:
    return api.page()


def test_each_parameter_is_on_the_page_with_its_default(described):
    values = flatten(yaml.safe_load((ROOT / "params.yaml").read_text()))
    assert len(values) > 100
    for key, value in values.items():
        row = next(name for name in described if key == name or key.startswith(f"{name}."))
        shown = None if described[row][1] == "empty" else yaml.safe_load(described[row][1].strip("`"))
        assert (shown if key == row else shown[key.removeprefix(f"{row}.")]) == value
    assert all(any(key == name or key.startswith(f"{name}.") for key in values) for name in described)


@pytest.mark.parametrize(
    ("key", "row"),
    [
        ("train.epochs", ["whole number from 1 to 10,000", "`11`", "about half a minute on two cores"]),
        ("train.momentum", ["number from 0 below 1", "`0.95`", "Muon's"]),
        ("train.backend", ["`tensorflow` or `jax`", "`tensorflow`", "of Keras"]),
        ("serve.challenger.version", ["whole number from 1 or empty", "empty", "of the registry"]),
        ("spark.master", ["text", "`local[*]`", "this machine's cores"]),
        (
            "validate.expectations.frames",
            ["`max`: number; `severity`: `critical` or `warning`", "`{max: 1,", "of an animation"],
        ),
        ("train.convolutions", ["list of list of whole number from 1 to 4,096", "`[[16, 5, 2],", "channels"]),
    ],
)
def test_a_parameter_has_its_type_range_and_reason(described, key, row):
    assert all(shown.startswith(words) for shown, words in zip(described[key], row, strict=True)), described[key]


def test_a_changed_default_and_comment_change_the_page(tmp_path):
    text = (ROOT / "params.yaml").read_text()
    changed = re.sub(r"(?m)^  momentum: .*$", "  # A new group\n  momentum: 0.5   # another <reason>, a|b", text)
    (tmp_path / "params.yaml").write_text(changed)
    assert load(tmp_path / "params.yaml").train.momentum == 0.5
    page = parameters.page(tmp_path / "params.yaml")
    assert r"| `train.momentum` | number from 0 below 1 | `0.5` | another \<reason\>, a\|b |" in page
    assert "\nA new group\n\n{.by-row}\n| key |" in page


def test_the_sections_are_those_of_the_models_in_their_order():
    headings = re.findall(r"^## (\w+)$", parameters.page(), re.MULTILINE)
    assert headings == list(yaml.safe_load((ROOT / "params.yaml").read_text()))
    assert set(headings) == {field.alias or name for name, field in Params.model_fields.items()}


def test_each_stage_is_on_the_page_with_what_it_reads_and_writes():
    page, content = stages.page(), yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    parts = dict(zip(content, re.split(r"^## \w+$", page, flags=re.MULTILINE)[1:], strict=False))
    for name, stage in content.items():
        assert stage["desc"].split(",")[0] in parts[name]
        assert stage["cmd"] in parts[name]
        listed = [*stage["deps"], *(one if isinstance(one, str) else next(iter(one)) for one in stage["outs"])]
        assert [path for path in listed if f"`{path}`" not in parts[name]] == []
    assert "It runs each time" in parts["register"]
    assert "It runs each time" not in parts["train"]


def test_each_route_of_the_service_is_on_the_page(routes):
    for route in ["POST /v1/predict", "POST /v1/read", "GET /v1/model", "POST /v1/feedback", "GET /readyz", "GET /v2"]:
        assert f"\n## {route}\n" in routes
    assert "| `min_probability` | number from 0 to 1 |" in routes
    assert "| `inputs[].shape` | list of whole number |" in routes
    assert "| 429 | More feedback than is taken" in routes


def test_each_link_of_the_page_of_the_api_has_its_heading(routes):
    headings = {heading.lower() for heading in re.findall(r"^### (\w+)$", routes, re.MULTILINE)}
    links = set(re.findall(r"\]\(#([^)]+)\)", routes))
    assert len(links) > 10
    assert links <= headings


def test_each_module_is_on_the_page_of_its_package():
    pages = {name: "\n".join(map(python.module, files)) for name, files in python.pages()}
    for path in [*ROOT.glob("digits/**/*.py"), *ROOT.glob("pipeline/*.py")]:
        parts = path.relative_to(ROOT).with_suffix("").parts
        module = ".".join(parts).removesuffix(".__init__")
        page = parts[0] if len(parts) == 2 else ".".join(parts[:2])
        assert f"{{py:module}} {module}\n" in pages[page]
    assert "{py:function} decode(" in pages["digits.data"]
    assert "{py:method} predict(" in pages["digits.model"]
    assert "{py:function} predict(" not in pages["digits.cli"], "the page of commands has it"
    assert not re.search(r"\{py:\w+\} _", "".join(pages.values()))


def test_the_pages_of_modules_are_written_only_where_they_change(tmp_path, monkeypatch):
    some = [(name, files) for name, files in python.pages() if name in ("digits.vcs", "pipeline")]
    monkeypatch.setattr(python, "pages", lambda: some)
    (tmp_path / "digits.gone.md").touch()
    python.write(tmp_path)
    written = [*tmp_path.iterdir()]
    assert {path.stem for path in written} == {name for name, _ in some}
    changed = tmp_path / "digits.vcs.md"
    changed.write_text("old")
    for path in written:
        os.utime(path, (0, 0))
    python.write(tmp_path)
    assert [path for path in written if path.stat().st_mtime] == [changed]


def test_a_signature_has_the_full_names_of_its_types():
    function = "def f(x: B | None, y: 'D', z: c.E = 1, *, w: Literal['B'], v: Row) -> list[D | Path]: ..."
    imported = "from digits.a import B, c\nfrom pyspark.sql import Row\nfrom pathlib import Path"
    tree = ast.parse(f"{imported}\nclass D: ...\n{function}")
    found = Annotations("digits.m", tree).signature(tree.body[-1])
    assert found == (
        "(x: ~digits.a.B | None, y: ~digits.m.D, z: ~digits.a.c.E=1, *, w: Literal['B'], v: ~pyspark.sql.Row)"
        " -> list[~digits.m.D | ~pathlib.Path]"
    )


def test_the_diagram_has_each_package_once_and_no_arrow_up():
    packages = [path.parent.name for path in ROOT.glob("digits/*/__init__.py")]
    modules = [path.stem for path in ROOT.glob("digits/*.py") if path.stem != "__init__"]
    drawn = re.findall(r"<text [^>]*>(\w+)</text>", architecture.diagram())
    assert sorted(drawn) == sorted(["pipeline", *packages, *modules])
    heights = {name: number for number, floor in enumerate(imports.floors()) for name in floor}
    assert all(heights[a] <= heights[b] for a, b in imports.edges())


def test_an_import_that_follows_from_others_is_left_out():
    edges = imports.edges()
    assert {("cli", "serving"), ("serving", "tracking")} <= edges
    assert ("cli", "tracking") not in edges


def test_no_arrow_passes_a_box():
    order, pairs = [["a"], ["b", "c"], ["d"], ["e"]], [("a", "b"), ("a", "c"), ("a", "e"), ("b", "d"), ("c", "e")]
    places = layout.placed(order, pairs)
    for (a, _), route in layout.routes(pairs, places).items():
        for row, column in enumerate(route[1:-1], start=places[a][1] + 1):
            assert all(abs(place[0] - column) >= 0.5 for place in places.values() if place[1] == row)


def test_a_library_that_one_package_imports_is_listed_with_it():
    owners = imports.owners()
    known = {
        "mlflow": "tracking",
        "keras": "model",
        "great-expectations": "validation",
        "dvc": "vcs",
        "pyspark": "spark",
    }
    assert {library: owners[library][0] for library in known} == known
    assert "pandas" not in owners


def test_the_help_of_a_command_is_escaped_for_sphinx_click():
    kept = [".. option:: --out_x <out>", "    :default: ``'a_b'``", ""]
    lines = ["`a_b` and *", *kept, "    a_ and b*", "", "| Examples:", "|   digits predict *.jpg", ""]
    click_help.escape_lines(None, None, lines)
    expected = [r"``a_b`` and \*", *kept, r"    a\_ and b\*", "", "Examples::", "", "    digits predict *.jpg", ""]
    assert lines == expected


def test_tables_and_comments_are_escaped():
    assert prose("a*b  `c|d` <e> f|g") == r"a\*b `c\|d` \<e\> f\|g"
    assert codes(["a", "b|c"]) == r"`a`, `b\|c`"
    assert table(["x", "y"], [("1", "2")]) == "{.by-row}\n| x | y |\n|---|---|\n| 1 | 2 |\n"
    assert table(["x"], []) == ""


def test_a_page_that_a_comment_or_docstring_names_is_linked():
    name = "docs/" + "a/b.md#c-d"
    assert prose(f"see {name}.") == f"see [{name}](../a/b.md#c-d)."
    assert prose(f"`{name}`") == f"`{name}`"


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("Train, and `serve`", "train-and-serve"),
        ("10⁸ pictures: a_b-c?", "10-pictures-a_b-c"),
        ("Größe 5 %", "größe-5-"),
    ],
)
def test_a_heading_has_the_anchor_of_github(heading, expected):
    assert anchor(heading) == expected


def test_each_generator_has_its_place():
    pages = "".join(path.read_text() for path in Path(ROOT / "docs").rglob("*.md"))
    assert sorted(PLACE.findall(pages)) == sorted(GENERATORS)
