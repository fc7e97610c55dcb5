"""A wrong label from the search for it to the corrected data; a minute."""

import csv
import json
import sys

from digits.data import dataset, pictures, processed_tables
from tests.scratch import copy


def test_a_wrong_label_is_listed_decided_and_corrected(prepared_template, tmp_path):
    """The last 7 of 20 lies in the folder of the 1s; a person says that it is a 7."""
    project = copy(prepared_template, tmp_path / "digits")
    external = project.root / "data" / "external"
    (external / "7" / "019.png").rename(external / "1" / "moved.png")
    project.set_params(train={"epochs": 8})
    project.run("dvc", "add", "--quiet", "data/external")
    project.commit()
    for stage in ("ingest", "preprocess"):
        project.run(sys.executable, "-m", f"pipeline.{stage}")
    printed = project.run("digits", "labels", "find", "--folds", "2")
    assert "fold 2 of 2: " in printed
    assert not (project.root / "models" / "folds").exists()

    path = project.root / "reports" / "labels.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert f"{len(rows)} labels of 200 are probably wrong, {len(rows)} of them undecided\nnext: " in printed
    moved = pictures.pixel_digest((external / "1" / "moved.png").read_bytes()).hex()
    (row,) = [one for one in rows if one["sha256"] == moved]
    assert (row["path"], row["given"], row["suggested"]) == ("data/external/1/moved.png", "1", "7")
    page = (project.root / "reports" / "labels.html").read_text()
    assert "given 1: " in page
    assert "suggested 7: " in page
    assert "data/external/1/moved.png" in page
    row |= {"decision": "7", "why": "in the wrong folder"}
    write(path, rows)

    printed = project.run("digits", "labels", "apply", "--who", "Ada")
    assert "1 new, 0 changed" in printed
    assert "corrections.csv has 1 corrections; next: `dvc add data/external`, then `dvc repro`" in printed
    assert "no correction is new\n" in project.run("digits", "labels", "apply", "--who", "Bob")
    before = splits(project)
    project.run("dvc", "add", "--quiet", "data/external")
    printed = project.run("dvc", "repro", "preprocess")
    assert "corrections: 1 corrected, 0 dropped, 0 not needed, 0 in conflict with the source, 0 not found" in printed
    assert splits(project) == before | {moved: (before[moved][0], 7)}
    counts = json.loads((project.root / "metrics" / "validate.json").read_text())["corrections"]
    assert (counts["corrected"], counts["share_by_label"]) == (1, {"1": 0.0476})


def splits(project) -> dict[str, tuple[str, int]]:
    """The split and the label of each processed digit, by the hash of its picture."""
    found = {}
    for split in dataset.SPLITS:
        folder = project.root / "data" / "processed"
        hashes = processed_tables.read_picture_hashes(split, folder).astype(str).tolist()
        labels = processed_tables.read_processed(split, folder).labels.tolist()
        found |= {one: (split, label) for one, label in zip(hashes, labels, strict=True)}
    return found


def write(path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
