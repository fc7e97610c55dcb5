"""What changed since a revision, as Markdown for the comment of a pull request."""

import json
from typing import Any, NamedTuple, TypeGuard

from digits import paths
from digits.errors import UserError
from digits.vcs import experiments, revisions, snapshots
from digits.vcs.snapshots import Snapshot
from digits.visualization import formats, markdown
from digits.visualization.formats import ABSENT, NUMBER, SHARE

ACCURACY = "evaluate.test.accuracy"
# The metrics that are always shown, by their names of a snapshot: what each is called, and the format of its value
MAIN = {
    ACCURACY: ("accuracy", SHARE),
    "evaluate.test.log_loss": ("log loss", NUMBER),
    "evaluate.validation.log_loss": ("log loss on validation digits, which chooses the champion", NUMBER),
    "evaluate.test.ece": ("calibration error", SHARE),
    "evaluate.test.coverage": ("coverage", SHARE),
    "evaluate.test.error_when_accepted": ("error when accepted", SHARE),
    "evaluate.acceptance.certified_error": ("certified error", SHARE),
    "evaluate.auroc.worst": ("AUROC of the kind of non-digit that is refused worst", NUMBER),
    "evaluate.corruption_error.mean": ("mean corruption error", SHARE),
    "evaluate.font_accuracy": ("accuracy on printed digits", SHARE),
    "evaluate.test.worst_slice.accuracy": ("accuracy of the worst slice", SHARE),
}
MAX_ROWS = 200  # of the other metrics: GitHub takes comments of up to 65,536 characters


class Row(NamedTuple):
    """A metric or parameter as text: its values before and after, a metric's with its 95 % interval."""

    name: str
    before: str
    after: str
    change: str = ""


class DataChange(NamedTuple):
    """What changed of the pictures, in words, and what `difference.count_by_split_and_label` gives."""

    summary: str
    counts: list[tuple[Any, ...]]


def report(since: str, until: str | None = None) -> str:
    """The Markdown on what changed from the merge base with `since` to `until` (None: the working tree).

    Raises UserError where a revision is unknown, or a file that git has of it can't be read. Data that neither DVC's
    cache nor a remote has are no error.
    """
    base, last = revisions.merge_base(since, until or "HEAD"), revisions.commit(until) if until else None
    outdated = [] if last else experiments.outdated_stages("evaluate")
    before, after = snapshots.read(base), snapshots.read(last)
    stages = snapshots.changed_stages(before, after)
    main, others = metric_rows(before.metrics, after.metrics)
    params = param_rows(before.params, after.params)
    changes = (main, others, params, stages)
    outputs = [path for change in stages.values() for path in change.outputs]
    return markdown.render(
        "report.md",
        headline=_headline(before, after, since) if any(changes) else f"No result changed since {since}",
        before=f"the merge base with {since}, {base[:12]} ({revisions.subject(base)})",
        after=f"{last[:12]} ({revisions.subject(last)})" if last else revisions.WORKING_TREE,
        # as arguments of commands that compare
        revisions=" ".join([since if base == revisions.commit(since) else base[:12], *([last[:12]] if last else [])]),
        outdated=outdated,
        main=main,
        others=others,
        max_rows=MAX_ROWS,
        params=params,
        data=data_change(base, last) if str(paths.STATISTICS) in outputs else None,
        plots=[path for path in outputs if path.startswith("reports/")],
        stages=stages,
    )


def metric_rows(before: dict[str, Any], after: dict[str, Any]) -> tuple[list[Row], list[Row]]:
    """The main metrics, none where no metric differs, and the others that differ, of two snapshots."""
    differing = snapshots.differing(before, after)
    if not differing:
        return [], []
    names = before.keys() | after.keys()
    shown_elsewhere = {f"{name}_{end}" for name in names for end in ("low", "high")} | MAIN.keys()
    main = [_row(title, name, spec, before, after) for name, (title, spec) in MAIN.items() if name in names]
    others = [
        _row(markdown.code(name), name, ".4g", before, after) for name in differing if name not in shown_elsewhere
    ]
    return main, others


def data_change(before: str, after: str | None) -> DataChange:
    """The difference between the pictures of two revisions (None: the working tree)."""
    from digits.validation import difference

    try:
        versions = [difference.read_version(revision) for revision in (before, after)]
    except UserError as error:
        return DataChange(f"The data changed; the pictures can't be compared: {error}.", [])
    found = difference.compare(*(version.table for version in versions))
    words = [str(found), difference.format_split_change(*versions)]
    return DataChange(". ".join(filter(None, words)) + ".", difference.count_by_split_and_label(found))


def param_rows(before: dict[str, Any], after: dict[str, Any]) -> list[Row]:
    """The parameters that differ, of two snapshots."""
    return [
        Row(markdown.code(name), _format_value(before.get(name)), _format_value(after.get(name)))
        for name in snapshots.differing(before, after)
    ]


def _headline(before: Snapshot, after: Snapshot, since: str) -> str:
    one, other = (_format(side.metrics, ACCURACY, MAIN[ACCURACY][1], interval=False) for side in (before, after))
    if one == other:
        return f"Results changed since {since}; " + ("no accuracy" if one == ABSENT else f"accuracy {one}, as before")
    return f"Accuracy {one} → {other} since {since}"


def _row(title: str, name: str, spec: str, before: dict[str, Any], after: dict[str, Any]) -> Row:
    change = _format_change(before.get(name), after.get(name), spec)
    return Row(title, _format(before, name, spec), _format(after, name, spec), change)


def _format(metrics: dict[str, Any], name: str, spec: str, interval: bool = True) -> str:
    value, low, high = (metrics.get(f"{name}{end}") for end in ("", "_low", "_high"))
    if not _is_number(value):
        return _format_value(value)
    bounds = (low, high) if interval and _is_number(low) and _is_number(high) else None
    return formats.estimate(value, bounds, "," if isinstance(value, int) and not bounds else spec)


def _format_value(value: Any) -> str:
    return ABSENT if value is None else markdown.code(json.dumps(value, ensure_ascii=False))


def _format_change(before: Any, after: Any, spec: str) -> str:
    if not (_is_number(before) and _is_number(after)) or before == after:
        return ABSENT
    return formats.difference(after - before, spec=spec)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
