"""reports/labels.html: the label issues with their pictures, the most doubtful label first."""

from collections.abc import Sequence
from pathlib import Path

from digits import paths
from digits.data import pictures
from digits.labels.issues import Issue
from digits.visualization import pages

MAX_PICTURES = 300
PICTURE_SIZE = 96  # pixels


def write(
    issues: Sequence[Issue], encoded: Sequence[bytes], digits: int, folds: int, path: Path = paths.LABEL_PAGE
) -> None:
    """Write the page of the first issues, each with its `encoded` picture, of so many digits in so many folds."""
    pages.write(
        path,
        "labels.html",
        count=len(issues),
        undecided=sum(not issue.decision for issue in issues),
        digits=digits,
        folds=folds,
        file=paths.LABEL_ISSUES,
        issues=[
            {"row": row, "png": pictures.thumbnail(data, PICTURE_SIZE), **issue._asdict()}
            for row, (issue, data) in enumerate(zip(issues[:MAX_PICTURES], encoded, strict=False), start=2)
        ],
    )
