"""The model card, models/README.md, after Mitchell et al. 2019, "Model Cards for Model Reporting"."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from digits import paths
from digits.data import dataset, training_tables
from digits.evaluation.certificate import Certificate
from digits.evaluation.slices import MIN_PICTURES
from digits.evaluation.summary import without_intervals
from digits.files import digest
from digits.model import model_file
from digits.model.training_data import NO_EFFECT
from digits.params import Train
from digits.visualization import markdown
from digits.visualization.formats import metric, share, words

MAX_ROWS = 4  # of a table, the worst: MLflow's databases have 5,000 characters for a version's description
MAX_NAMED = 3  # of what the limits name
OWN_TABLES = ("class", "source")  # slices
# Parameters of `train` that change no accuracy, or are stated elsewhere on the card
NOT_LISTED = {"convolutions", "steps_per_execution", "devices", "processes", "threads", *NO_EFFECT}


class Table(NamedTuple):
    """The worst rows of a table, and the heading of its first column, which says of how many."""

    heading: str
    rows: Sequence[Any]


def write(evaluated: dict[str, Any], certificate: Certificate, params: Train) -> None:
    """Write the card of models/digits.onnx, from the content of metrics/evaluate.json."""
    test, refused, errors = evaluated["test"], evaluated["refused"], evaluated["corruption_error"]
    counts, cut_labels = dataset.count_sources(paths.PROCESSED), training_tables.read_page_cuts().labels
    kinds = sorted(without_intervals(refused), key=refused.__getitem__)
    corruptions = sorted(
        (name for name in without_intervals(errors) if name != "mean"), key=errors.__getitem__, reverse=True
    )
    markdown.write(
        paths.MODEL_CARD,
        "model_card.md",
        evaluated=evaluated,
        test=test,
        certificate=certificate,
        channels=[channels for channels, *_ in params.convolutions],
        weights=model_file.count_weights(paths.ONNX),
        sha256=digest(paths.ONNX, "sha256"),
        training=_format_params(params),
        digits=sum(of["train"] for of in counts.values()),
        non_digits=len(training_tables.read_non_digits("train").kinds),
        page_cuts=len(cut_labels),
        page_digits=int((cut_labels != dataset.NO_DIGIT).sum()),
        weakest=[f"{words(kind)} ({share(refused[kind])})" for kind in kinds[:MAX_NAMED]],
        hardest=[f"{words(name)} ({share(errors[name])})" for name in corruptions[:MAX_NAMED]],
        unvaried=[f"{name} ({next(iter(of))})" for name, of in _other_slices(test).items() if len(of) == 1],
        sources=_worst_sources(counts, test["sources"]),
        classes=test["slices"]["class"],
        slices=_worst_slices(test),
        rates=[
            ("refused", _worst("no digit", [(words(kind), metric(refused, kind)) for kind in kinds])),
            ("misread", _worst("corruption", [(words(one), metric(errors, one)) for one in corruptions])),
        ],
    )


def _worst(heading: str, rows: Sequence[Any]) -> Table:
    """Of rows with the worst first."""
    more = f", {MAX_ROWS} worst of {len(rows)}" if len(rows) > MAX_ROWS else ""
    return Table(heading + more, rows[:MAX_ROWS])


def _format_params(params: Train) -> str:
    """The parameters that are not 0, and the seed."""
    values = params.model_dump(exclude=NOT_LISTED)
    texts = {name: f"{value:g}" if isinstance(value, float) else value for name, value in values.items()}
    return ", ".join(f"{words(name)} {text}" for name, text in texts.items() if values[name] or name == "seed")


def _worst_sources(counts: dict[str, dict[str, int]], scores: dict[str, Any]) -> Table:
    """Each source's name, digits by split, and scores, None where it has no test digits: those are last."""
    names = sorted(counts, key=lambda name: scores[name]["accuracy"] if name in scores else 2)
    return _worst("source", [(name, counts[name], scores.get(name)) for name in names])


def _other_slices(test: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: of for name, of in test["slices"].items() if name not in OWN_TABLES}


def _worst_slices(test: dict[str, Any]) -> Table:
    """The name and scores of each group of a slice with several, of enough digits for an accuracy."""
    divided = {name: of for name, of in _other_slices(test).items() if len(of) > 1}
    groups = [(f"{name}: {group}", one) for name, of in divided.items() for group, one in of.items()]
    enough = [(name, one) for name, one in groups if one["pictures"] >= MIN_PICTURES]
    return _worst(f"slice of {MIN_PICTURES} digits or more", sorted(enough, key=lambda row: row[1]["accuracy"]))
