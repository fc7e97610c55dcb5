"""The page of label issues shows each picture with its row in the list, and embeds all that it needs."""

import re

from digits.data import pictures
from digits.labels import page
from tests.unit.labels.test_issues import issue


def test_each_issue_has_its_picture_its_row_and_its_decision(tmp_path, mnist_digits, monkeypatch):
    monkeypatch.setattr(page, "MAX_PICTURES", 2)
    encoded = [pictures.encode_png(image) for image in mnist_digits.images[:3]]
    listed = [issue(0, path="<b>.png"), issue(1, decision="keep"), issue(2)]
    page.write(listed, encoded, 5000, 5, tmp_path / "labels.html")
    text = (tmp_path / "labels.html").read_text()
    assert "3 labels, 2 to decide" in text
    assert "The first 2 are shown; the file has all." in text
    assert "Of 5,000 digits" in text
    assert re.findall(r"row (\d+), train", text) == ["2", "3"]
    assert text.count("given 3: 1.0%<br>\nsuggested 5: 98.0%") == 2
    assert re.findall(r"decision: (\w+)", text) == ["keep"]
    assert "&lt;b&gt;.png" in text
    assert re.findall(r'src="data:image/png;base64,(\S+)"', text) == [embedded(data) for data in encoded[:2]]


def embedded(data: bytes) -> str:
    from base64 import b64encode

    return b64encode(pictures.thumbnail(data, page.PICTURE_SIZE)).decode()
