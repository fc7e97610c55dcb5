"""The figures of the default in docs/explanation are those of the committed metrics/evaluate.json."""

import json
import re

from digits.data.non_digits import KINDS
from digits.evaluation.corruptions import CORRUPTIONS
from tests.imports import ROOT

FOUND = json.loads((ROOT / "metrics" / "evaluate.json").read_text())
TEST = FOUND["test"]


def page(name: str) -> str:
    return (ROOT / "docs" / "explanation" / f"{name}.md").read_text()


def cells(text: str, first: str) -> list[str]:
    """The cells of the row that begins with this one, without it."""
    (row,) = re.findall(rf"^\| {re.escape(first)} \|(.*)\|$", text, re.MULTILINE)
    return [cell.strip() for cell in row.split("|")]


def share(section: dict, name: str, decimals: int = 1) -> str:
    """A share with its interval, as the pages write it."""
    value, low, high = (f"{section[key]:.{decimals}%}" for key in (name, f"{name}_low", f"{name}_high"))
    return f"{value} ({low[:-1]} to {high})".replace("%", " %")


def number(section: dict, name: str) -> str:
    return f"{section[name]:.3f} ({section[f'{name}_low']:.3f} to {section[f'{name}_high']:.3f})"


def test_the_default_has_its_column():
    worst, acceptance = TEST["worst_slice"], FOUND["acceptance"]
    expected = {
        "test digits": f"{TEST['pictures']:,}",
        "accuracy": share(TEST, "accuracy", 2),
        "coverage": share(TEST, "coverage", 2),
        "error when accepted": share(TEST, "error_when_accepted", 2),
        "certified error": f"{acceptance['certified_error']:.2%}".replace("%", " %"),
        "validation digits for it; accepted; misread of these": "; ".join(
            str(acceptance[f"certificate_{name}"]) for name in ("digits", "accepted", "errors")
        ),
        "mean corruption error": share(FOUND["corruption_error"], "mean"),
        "accuracy on printed digits": share(FOUND, "font_accuracy"),
    }
    text = page("evaluation")
    assert {name: cells(text, name)[0] for name in expected} == expected
    ideal = (TEST[f"ece_if_calibrated_{end}"] for end in ("low", "high"))
    ece = "; ".join([f"{TEST['ece']:.2%}", " to ".join(f"{one:.2%}" for one in ideal)])
    assert cells(text, "ECE; of a perfectly calibrated model")[0].replace(" %", "%") == re.sub(r"% to", " to", ece)
    kind = min(KINDS, key=FOUND["auroc"].get)
    assert cells(text, "lowest AUROC of a kind")[0] == f"{kind}: {number(FOUND['auroc'], kind)}"
    kind = min(KINDS, key=FOUND["refused"].get)
    assert cells(text, "kind refused least")[0] == f"{kind}: {share(FOUND['refused'], kind)}"
    shown = share(worst, "accuracy", 2).replace("(", f"of {worst['pictures']} (", 1)
    assert cells(text, "worst slice")[0].endswith(shown)


def test_each_kind_and_corruption_has_its_row():
    for kind in KINDS:
        auroc, refused, interval = cells(page("refusal"), f"`{kind}`")[-3:]
        assert auroc == f"{FOUND['auroc'][kind]:.3f}"
        assert f"{refused} ({interval})" == share(FOUND["refused"], kind)
    for name in CORRUPTIONS:
        assert cells(page("evaluation"), f"`{name}`")[-1] == f"{FOUND['corruption_error'][name]:.1%}".replace("%", " %")
