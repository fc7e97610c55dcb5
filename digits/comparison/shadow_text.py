"""What two models answered in the shadow of each other, in sentences and rows of a table."""

from digits.comparison.shadow import Corrected, Shadow
from digits.evaluation.intervals import CONFIDENCE
from digits.visualization import formats
from digits.visualization.formats import share

LABEL_COLUMNS = ("A says", "B says", "pictures")
CORRECTED_COLUMNS = ("right", "pictures")
MAX_PAIRS = 10  # of labels, in the table


def basis(found: Shadow) -> str:
    """The pictures, when they came, and which model users saw."""
    days = found.since if found.since == found.until else f"{found.since} to {found.until}"
    if found.by_first in (0, found.answers):
        seen = f"users saw the answers of {'A' if found.by_first else 'B'}"
    else:
        seen = f"users saw the answers of A {found.by_first:,} times, else those of B"
    return (
        f"{found.pictures:,} pictures that the service answered with both, in {found.answers:,} answers, {days} (UTC); "
        f"{seen}. A picture counts once, with its last answers."
    )


def differences(found: Shadow) -> str:
    """On how many pictures the labels differ, and which shares are accepted."""
    count = sum(row[2] for row in found.differing)
    pairs = len(found.differing)
    rest = f" The table has the {MAX_PAIRS} most frequent of {pairs} pairs of labels." if pairs > MAX_PAIRS else ""
    return (
        f"A accepts {share(found.accepted[0])}, B {share(found.accepted[1])}: a difference of "
        f"{formats.difference(*found.more_accepted)}. The labels differ on {count:,} "
        f"({share(count / found.pictures)}).{rest}"
    )


def label_rows(found: Shadow) -> list[list[str]]:
    """Rows of LABEL_COLUMNS, the most frequent first."""
    return [[str(first), str(second), f"{count:,}"] for first, second, count in found.differing[:MAX_PAIRS]]


def corrected(found: Shadow) -> str:
    """Who was right on the pictures that people labelled, and what that shows, in sentences."""
    counts = found.corrected
    if not counts.pictures:
        return "None of them was reported as misread and labelled: `digits label` labels what people report."
    if counts.chance < 1 - CONFIDENCE:
        better = "B" if counts.only_second > counts.only_first else "A"
        verdict = f"{better} is right on more of them than chance explains"
    else:
        verdict = "neither is right on more of them than chance explains"
    test = f"McNemar's exact test, two-sided: p = {counts.chance:.2g}"
    return f"People labelled {counts.pictures:,} of them: {verdict} ({test}). {_bias(found)}"


def _bias(found: Shadow) -> str:
    """What pictures that people report can show: they choose them by the answer that they see."""
    if found.by_first not in (0, found.answers):
        return (
            "People report what they see misread, so each of these pictures counts against the model that answered it: "
            "which model is better is measured on the test digits."
        )
    seen, hidden = "AB" if found.by_first else "BA"
    return (
        f"People saw the answers of {seen} and report what they see misread, so {seen} is seldom right on these "
        f"pictures. They show which mistakes of {seen} {hidden} repairs, not those that it adds: which model is better "
        "is measured on the test digits."
    )


def corrected_rows(found: Corrected) -> list[list[str]]:
    """Rows of CORRECTED_COLUMNS; none where nothing was labelled."""
    names = ("both", "A alone", "B alone", "none")
    return [[name, f"{count:,}"] for name, count in zip(names, found[:4], strict=True)] if found.pictures else []
