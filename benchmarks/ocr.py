"""Two OCR engines to compare with: tesseract (Debian's package tesseract-ocr) and RapidOCR (in the extra `bench`)."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import cv2
import numpy as np

from digits.errors import UserError

DIGITS = "0123456789"
SINGLE_CHARACTER = 10  # tesseract's page segmentation mode of a picture with one character


class Reading(NamedTuple):
    """The digits that a system finds, in reading order."""

    boxes: np.ndarray  # (n, 4) float: left, top, right, bottom, in pixels
    labels: np.ndarray  # (n,) int
    lines: np.ndarray  # (n,) int: the line of each, from 0


class Tesseract:
    """Reads with a whitelist of the ten digits; boxes of characters come from its hOCR output."""

    name = "tesseract"

    def __init__(self) -> None:
        if not shutil.which("tesseract"):
            raise UserError("tesseract is not installed: install Debian's package tesseract-ocr, or its like")

    def read(self, pixels: np.ndarray, mode: int) -> Reading:
        """The digits of (h, w, 3) uint8 RGB; `mode` is the page segmentation mode: 6 block, 7 line, 11 sparse."""
        encoded = cv2.imencode(".bmp", pixels[:, :, ::-1])[1].tobytes()
        document = ElementTree.fromstring(_tesseract("stdin", mode, encoded))
        found = [
            (_box(character), character.text, number)
            for number, line in enumerate(_of_class(document, "ocr_line", "ocr_header", "ocr_caption", "ocr_textfloat"))
            for character in _of_class(line, "ocrx_cinfo")
        ]
        return _reading(found)

    def read_cells(self, cells: list[np.ndarray]) -> list[int | None]:
        """The digit of each of (h, w, 3) uint8 RGB pictures, in one process; None where it finds none."""
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder, f"{number}.bmp") for number in range(len(cells))]
            for path, cell in zip(paths, cells, strict=True):
                cv2.imwrite(str(path), cell[:, :, ::-1])
            Path(folder, "cells.txt").write_text("\n".join(map(str, paths)))
            document = ElementTree.fromstring(_tesseract(str(Path(folder, "cells.txt")), SINGLE_CHARACTER))
        return [_first_digit("".join(page.itertext())) for page in _of_class(document, "ocr_page")]


class RapidOcr:
    """Reads any text, of which the digits count. Its classifier of upside-down lines is off: all pages are upright."""

    name = "RapidOCR"

    def __init__(self) -> None:
        from rapidocr_onnxruntime import RapidOCR

        self.engine = RapidOCR()

    def read(self, pixels: np.ndarray) -> Reading:
        """The digits of (h, w, 3) uint8 RGB; boxes are those that it computes for characters."""
        texts, _ = self.engine(pixels[:, :, ::-1], use_cls=False, return_word_box=True)
        words = [([_bounds(corners) for corners in text[3]], text[4]) for text in texts or []]
        lines = _line_numbers(np.array([_bounds(text[0]) for text in texts or []]).reshape(-1, 4))
        found = [
            (box, character, line)
            for (boxes, characters), line in zip(words, lines, strict=True)
            for box, character in zip(boxes, characters, strict=True)
        ]
        return _reading(sorted(found, key=lambda one: (one[2], one[0][0])))

    def read_cells(self, cells: list[np.ndarray]) -> list[int | None]:
        """The digit of each of (h, w, 3) uint8 RGB pictures; None where it finds none."""
        results, _ = self.engine.text_rec([cell[:, :, ::-1] for cell in cells])
        return [_first_digit(text) for text, *_ in results]


def tesseract_version() -> str:
    """For example "5.3.0"."""
    return subprocess.run(["tesseract", "--version"], capture_output=True, text=True).stdout.split()[1]


def _tesseract(source: str, mode: int, data: bytes = b"") -> bytes:
    options = {"tessedit_char_whitelist": DIGITS, "tessedit_create_hocr": "1", "hocr_char_boxes": "1"}
    settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    command = ["tesseract", source, "stdout", "--psm", str(mode), *settings]
    done = subprocess.run(command, input=data, capture_output=True)
    if done.returncode:
        raise UserError(f"tesseract failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def _of_class(element: ElementTree.Element, *names: str) -> Iterable[ElementTree.Element]:
    return [one for one in element.iter() if one.get("class") in names]


def _box(character: ElementTree.Element) -> tuple[float, ...]:
    return tuple(map(float, re.search(r"x_bboxes (\S+) (\S+) (\S+) (\S+?);", character.get("title", "")).groups()))


def _bounds(corners: list[list[float]]) -> tuple[float, ...]:
    return (*np.min(corners, axis=0), *np.max(corners, axis=0))


def _line_numbers(boxes: np.ndarray) -> np.ndarray:
    """(n,) int, the line of each of (n, 4) boxes of words: a word whose middle is below the last line starts one."""
    numbers, line, bottom = np.zeros(len(boxes), int), -1, -np.inf
    for row in np.argsort(boxes[:, 1] + boxes[:, 3]):
        middle = (boxes[row, 1] + boxes[row, 3]) / 2
        if middle > bottom:
            line, bottom = line + 1, boxes[row, 3]
        numbers[row] = line
    return numbers


def _first_digit(text: str) -> int | None:
    return next((int(character) for character in text if character in DIGITS), None)


def _reading(found: list[tuple[tuple[float, ...], str, int]]) -> Reading:
    digits = [one for one in found if one[1] and one[1] in DIGITS]
    boxes = np.array([box for box, *_ in digits], float).reshape(-1, 4)
    return Reading(boxes, np.array([int(one[1]) for one in digits], int), np.array([one[2] for one in digits], int))
