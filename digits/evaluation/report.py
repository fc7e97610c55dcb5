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


def write(evaluation: Evaluation) -> None:
    """Write reports/evaluation.html. The figures that it contains are read from reports/figures."""
    worst = slices.worst(evaluation.table)
    hardest = slices.hardest(evaluation.groups, worst, evaluation.found.probabilities, evaluation.test.labels)
    refused_kinds = summary.without_intervals(evaluation.metrics["refused"])
    pages.write(
        paths.EVALUATION_REPORT,
        "evaluation.html",
        metrics=evaluation.metrics,
        certificate=evaluation.certificate,
        refused_kinds=refused_kinds,
        least_refused=min(refused_kinds, key=refused_kinds.__getitem__),
        corruption_errors=summary.without_intervals(evaluation.metrics["corruption_error"]),
        slices=evaluation.table.to_dict("records"),
        worst_slice={**worst, "hardest": _digits(evaluation, hardest)},
        min_pictures=slices.MIN_PICTURES,
        worst_corruption=_worst_corruption(evaluation),
        accepted_others=_accepted_others(evaluation),
        mistakes=_mistakes(evaluation),
        refused=_refused(evaluation),
        doubted=_doubted(evaluation),
        legend=overlay.LEGEND,
        page=evaluation.page,
        figures={
            path.stem: path.read_bytes() for path in (paths.RELIABILITY, paths.RISK_COVERAGE, paths.LEARNING_CURVES)
        },
    )


def _worst_corruption(evaluation: Evaluation) -> Picture:
    """The corruption that is misread most often, with examples of MNIST-C's own strength."""
    errors = summary.without_intervals(evaluation.metrics["corruption_error"])
    name = max(corruptions.CORRUPTIONS, key=errors.__getitem__)
    test = evaluation.test
    rows = np.random.default_rng(0).permutation(len(test.labels))[:CORRUPTED]
    images = canonical(corruptions.corrupted(test.images[rows], name, corruptions.MNIST_C, seed=0))
    found = evaluation.classifier.predict(images)
    changed = evaluation._replace(test=Digits(images, test.labels[rows]), found=found)
    wrong = _predicted(changed) != changed.test.labels
    shown = {"wrong": np.flatnonzero(wrong)[:EXAMPLES], "right": np.flatnonzero(~wrong)[:EXAMPLES]}
    return {
        "name": name,
        "strength": corruptions.MNIST_C,
        "digits": len(rows),
        "misread": int(wrong.sum()),
        **{kind: _digits(changed, which, rows[which]) for kind, which in shown.items()},
    }


def _accepted_others(evaluation: Evaluation) -> Picture:
    """What is no digit and was accepted as one, the most confident first."""
    (images, kinds), found = evaluation.others, evaluation.found_others
    confidence, guesses = found.probabilities.max(axis=1), found.probabilities.argmax(axis=1)
    rows = np.flatnonzero(found.accepted & images.any(axis=(1, 2)))
    rows = rows[np.argsort(-confidence[rows], kind="stable")]
    pictures = [
        _picture(images[row], words(kinds[row]), f"{guesses[row]}, {confidence[row]:.1%}")
        for row in rows[:MAX_PICTURES]
    ]
    return _listed(rows, pictures) | {"of": len(kinds)}


def _mistakes(evaluation: Evaluation) -> Picture:
    """The misread test digits, the most confident first, with the saliency of the predicted label."""
    (images, given), found, predicted = evaluation.test, evaluation.found, _predicted(evaluation)
    rows = np.flatnonzero(predicted != given)
    rows = rows[np.argsort(-found.probabilities[rows].max(axis=1), kind="stable")]
    shown = rows[:MAX_PICTURES]
    saliency = occlusion(evaluation.classifier, images[shown], predicted[shown])
    accepted = int(found.accepted[rows].sum())
    return _listed(rows, _digits(evaluation, shown, saliency=saliency)) | {"accepted": accepted}


def _refused(evaluation: Evaluation) -> Picture:
    """The refused test digits, the lowest probability first, each with the reason, and how many have which."""
    rows = np.flatnonzero(~evaluation.found.accepted)
    rows = rows[np.argsort(evaluation.found.probabilities[rows].max(axis=1), kind="stable")]
    found = Predictions._make(values[rows] for values in evaluation.found)
    improbable, unlike = evaluation.classifier.missed(found)
    reasons = evaluation.classifier.refusal_reasons(found)
    pictures = [
        {**picture, "text": f"{reason}; row\N{NO-BREAK SPACE}{row}"}
        for picture, reason, row in zip(_digits(evaluation, rows[:MAX_PICTURES]), reasons, rows, strict=False)
    ]
    return _listed(rows, pictures) | {
        "right": int((_predicted(evaluation) == evaluation.test.labels)[rows].sum()),
        "reasons": {
            "outlier score above its bound": int((unlike & ~improbable).sum()),
            "probability below the threshold": int((improbable & ~unlike).sum()),
            "both": int((unlike & improbable).sum()),
        },
    }


def _doubted(evaluation: Evaluation) -> Picture:
    """The test digits whose label confident learning doubts, that with the least probable label first."""
    images, given = evaluation.test
    if np.ptp(given) == 0:  # confident learning compares classes
        return _listed([], [])
    issues = [*zip(*labels.find_issues(given, evaluation.found.probabilities), strict=True)]
    pictures = [
        _picture(
            images[row],
            f"label {given[row]}, suggested {suggested}",
            f"probabilities {probability:.1%} and {other:.1%}; row\N{NO-BREAK SPACE}{row}",
        )
        for row, suggested, probability, other in issues[:MAX_PICTURES]
    ]
    return _listed(issues, pictures)


def _listed(found: Sized, pictures: list[Picture]) -> Picture:
    return {"count": len(found), "pictures": pictures}


def _predicted(evaluation: Evaluation) -> Ints:
    labels: Ints = evaluation.found.probabilities.argmax(axis=1)
    return labels


def _digits(
    evaluation: Evaluation, rows: Ints, numbers: np.ndarray | None = None, saliency: Floats | None = None
) -> list[Picture]:
    """The digits at the rows, each with its label, what is predicted, and its saliency where that is given.

    `numbers` are their rows in the test split, where they differ.
    """
    (images, given), found = evaluation.test, evaluation.found
    predicted, confidence = _predicted(evaluation), found.probabilities.max(axis=1)
    decision = np.where(found.accepted, "accepted", "refused")
    return [
        _picture(
            images[row],
            f"label {given[row]}, predicted {predicted[row]}",
            f"{confidence[row]:.1%}, {decision[row]}; row\N{NO-BREAK SPACE}{number}",
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
