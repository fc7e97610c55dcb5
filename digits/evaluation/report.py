"""The evaluation as a page for people: what the figures mean, and pictures of what the model can't read."""

from collections.abc import Sized
from typing import Any

import numpy as np

from digits import paths
from digits.arrays import Floats, Ints
from digits.data.canonical import canonical
from digits.data.dataset import Digits
from digits.data.pictures import encode_png
from digits.evaluation import corruptions, labels, slices, summary
from digits.evaluation.result import Evaluation
from digits.model.classifier import Predictions
from digits.model.saliency import occlusion
from digits.visualization import overlay, pages
from digits.visualization.formats import words

MAX_PICTURES = 100  # of each list: the page stays below 2 MB
CORRUPTED = 100  # test digits, of which EXAMPLES of the misread ones and as many others are shown
EXAMPLES = 10
Picture = dict[str, Any]


def write(of: Evaluation) -> None:
    """Write reports/evaluation.html. The figures that it contains are read from reports/figures."""
    worst = slices.worst(of.table)
    hardest = slices.hardest(of.groups, worst, of.found.probabilities, of.test.labels)
    refused_kinds = summary.without_intervals(of.metrics["refused"])
    pages.write(
        paths.EVALUATION_REPORT,
        "evaluation.html",
        metrics=of.metrics,
        certificate=of.certificate,
        refused_kinds=refused_kinds,
        least_refused=min(refused_kinds, key=refused_kinds.__getitem__),
        corruption_errors=summary.without_intervals(of.metrics["corruption_error"]),
        slices=of.table.to_dict("records"),
        worst_slice={**worst, "hardest": _digits(of, hardest)},
        min_pictures=slices.MIN_PICTURES,
        worst_corruption=_worst_corruption(of),
        accepted_others=_accepted_others(of),
        mistakes=_mistakes(of),
        refused=_refused(of),
        doubted=_doubted(of),
        legend=overlay.LEGEND,
        page=of.page,
        figures={
            path.stem: path.read_bytes() for path in (paths.RELIABILITY, paths.RISK_COVERAGE, paths.LEARNING_CURVES)
        },
    )


def _worst_corruption(of: Evaluation) -> Picture:
    """The corruption that is misread most often, with examples of MNIST-C's own strength."""
    errors = summary.without_intervals(of.metrics["corruption_error"])
    name = max(corruptions.CORRUPTIONS, key=errors.__getitem__)
    rows = np.random.default_rng(0).permutation(len(of.test.labels))[:CORRUPTED]
    images = canonical(corruptions.corrupted(of.test.images[rows], name, corruptions.MNIST_C, seed=0))
    changed = of._replace(test=Digits(images, of.test.labels[rows]), found=of.classifier.predict(images))
    wrong = _predicted(changed) != changed.test.labels
    shown = {"wrong": np.flatnonzero(wrong)[:EXAMPLES], "right": np.flatnonzero(~wrong)[:EXAMPLES]}
    return {
        "name": name,
        "strength": corruptions.MNIST_C,
        "digits": len(rows),
        "misread": int(wrong.sum()),
        **{kind: _digits(changed, which, rows[which]) for kind, which in shown.items()},
    }


def _accepted_others(of: Evaluation) -> Picture:
    """What is no digit and was accepted as one, the most confident first."""
    confidence = of.found_others.probabilities.max(axis=1)
    rows = np.flatnonzero(of.found_others.accepted & of.others.images.any(axis=(1, 2)))
    rows = rows[np.argsort(-confidence[rows], kind="stable")]
    guesses = of.found_others.probabilities.argmax(axis=1)
    pictures = [
        _picture(of.others.images[row], words(of.others.kinds[row]), f"{guesses[row]}, {confidence[row]:.1%}")
        for row in rows[:MAX_PICTURES]
    ]
    return _listed(rows, pictures) | {"of": len(of.others.kinds)}


def _mistakes(of: Evaluation) -> Picture:
    """The misread test digits, the most confident first, with the saliency of the predicted label."""
    rows = np.flatnonzero(_predicted(of) != of.test.labels)
    rows = rows[np.argsort(-of.found.probabilities[rows].max(axis=1), kind="stable")]
    shown = rows[:MAX_PICTURES]
    saliency = occlusion(of.classifier, of.test.images[shown], _predicted(of)[shown])
    return _listed(rows, _digits(of, shown, saliency=saliency)) | {"accepted": int(of.found.accepted[rows].sum())}


def _refused(of: Evaluation) -> Picture:
    """The refused test digits, the lowest probability first, each with the reason, and how many have which."""
    rows = np.flatnonzero(~of.found.accepted)
    rows = rows[np.argsort(of.found.probabilities[rows].max(axis=1), kind="stable")]
    found = Predictions._make(values[rows] for values in of.found)
    improbable, unlike = of.classifier.missed(found)
    reasons = of.classifier.refusal_reasons(found)
    pictures = [
        {**picture, "text": f"{reason}; row\N{NO-BREAK SPACE}{row}"}
        for picture, reason, row in zip(_digits(of, rows[:MAX_PICTURES]), reasons, rows, strict=False)
    ]
    return _listed(rows, pictures) | {
        "right": int((_predicted(of)[rows] == of.test.labels[rows]).sum()),
        "reasons": {
            "outlier score above its bound": int((unlike & ~improbable).sum()),
            "probability below the threshold": int((improbable & ~unlike).sum()),
            "both": int((unlike & improbable).sum()),
        },
    }


def _doubted(of: Evaluation) -> Picture:
    """The test digits whose label confident learning doubts, that with the least probable label first."""
    several = np.ptp(of.test.labels) > 0  # confident learning compares classes
    issues = [*zip(*labels.find_issues(of.test.labels, of.found.probabilities), strict=True)] if several else []
    pictures = [
        _picture(
            of.test.images[row],
            f"label {of.test.labels[row]}, suggested {suggested}",
            f"probabilities {given:.1%} and {other:.1%}; row\N{NO-BREAK SPACE}{row}",
        )
        for row, suggested, given, other in issues[:MAX_PICTURES]
    ]
    return _listed(issues, pictures)


def _listed(found: Sized, pictures: list[Picture]) -> Picture:
    return {"count": len(found), "pictures": pictures}


def _predicted(of: Evaluation) -> Ints:
    labels: Ints = of.found.probabilities.argmax(axis=1)
    return labels


def _digits(
    of: Evaluation, rows: Ints, numbers: np.ndarray | None = None, saliency: Floats | None = None
) -> list[Picture]:
    """The digits at the rows, each with its label, what is predicted, and its saliency where that is given.

    `numbers` are their rows in the test split, where they differ.
    """
    predicted, confidence = _predicted(of), of.found.probabilities.max(axis=1)
    answer = np.where(of.found.accepted, "accepted", "refused")
    return [
        _picture(
            of.test.images[row],
            f"label {of.test.labels[row]}, predicted {predicted[row]}",
            f"{confidence[row]:.1%}, {answer[row]}; row\N{NO-BREAK SPACE}{number}",
            None if saliency is None else saliency[place],
        )
        for place, (row, number) in enumerate(zip(rows, rows if numbers is None else numbers, strict=True))
    ]


def _picture(image: np.ndarray, title: str, text: str, saliency: Floats | None = None) -> Picture:
    """A (28, 28) uint8 digit as dark ink on white, and right of it its (28, 28) saliency."""
    pixels = 255 - image
    if saliency is not None:
        bgr = overlay.overlay(image, saliency)[..., ::-1]
        pixels = np.hstack([np.repeat(pixels[..., None], 3, axis=2), bgr])
    return {"png": encode_png(pixels), "title": title, "text": text}
