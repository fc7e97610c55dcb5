"""From a digit that the champion misreads to the new champion that reads it, by each command and both pages. 50 s.

The digit is a 1 as it is written in much of Europe, with a long upstroke: MNIST's are plain strokes.
"""

import signal

import cv2
import numpy as np
import pytest

from digits import paths
from digits.client import Client
from digits.data.pictures import encode_png
from digits.feedback import provenance
from digits.feedback.items import ADDED, WAITING
from digits.feedback.queue import Queue
from digits.params import load
from tests import chromium
from tests.chromium import opened
from tests.gestures import draw
from tests.imports import ROOT
from tests.loopback import free_port, wait_for
from tests.service_process import serving

chromium.skip_without()
UPSTROKE = np.array([(0.2, 0.55), (0.6, 0.12), (0.6, 0.88)])  # fractions of the drawing area's side
PICTURES = 60  # that are sent; some 35 of them are trained on
BY_KEYS = 3  # labelled on the page by Enter, one more by its digit, and the others by the same queue


@pytest.fixture(scope="module")
def project(trained):
    """A project whose champion reads most MNIST digits."""
    feedback = load(ROOT / paths.PARAMS).serve.feedback.model_dump()
    trained.set_params(serve={"feedback": {**feedback, "per_minute": 1000}})
    trained.commit()
    return trained


def one(random: np.random.Generator) -> np.ndarray:
    """(3, 2) corners of a 1 with an upstroke, as another hand writes it."""
    angle, size = random.normal(0, 0.06), random.uniform(0.8, 1)
    turn = size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (UPSTROKE + random.normal(0, 0.02, UPSTROKE.shape) - 0.5) @ turn.T + 0.5


def picture(random: np.random.Generator) -> bytes:
    """A PNG of such a 1, dark on white, with a pen of its own."""
    pixels, pen = np.full((160, 160), 255, np.uint8), round(random.uniform(6, 10))
    cv2.polylines(pixels, [np.rint(20 + 120 * one(random)).astype(np.int32)], False, 0, pen, cv2.LINE_AA)
    return encode_png(pixels)


def draw_and_read(page, strokes: np.ndarray) -> tuple[str, str]:
    """Draw in place of what is drawn; returns the label that the page shows, and whether it is accepted or refused."""
    page.get_by_role("button", name="Clear").click()
    before = page.locator("#announcement").inner_text()
    draw(page, [strokes.tolist()])
    page.wait_for_function(
        "before => !['empty', 'drawing'].includes(answer.dataset.state) && announcement.innerText !== before",
        arg=before,
    )
    return page.locator("#label").inner_text(), page.locator("#answer").get_attribute("data-state")


def draw_misread(page) -> np.ndarray:
    """Draw 1s until one is misread, the first or second as a rule; returns its strokes."""
    random = np.random.default_rng(0)
    for _ in range(20):
        strokes = one(random)
        if draw_and_read(page, strokes)[0] != "1":
            return strokes
    raise AssertionError("the champion reads these 1s")


def correct_on_page(page) -> None:
    controls = page.locator("#answer-correction")
    controls.get_by_text("Wrong? Say what it is").click()
    controls.get_by_role("checkbox").check()
    controls.get_by_role("button", name="It is 1", exact=True).click()
    controls.locator(".outcome", has_text="Thank you").wait_for()


def send_others(client: Client) -> None:
    """Send other 1s as a program does, with the ids of their answers."""
    random = np.random.default_rng(1)
    for data in (picture(random) for _ in range(PICTURES - 1)):
        (answer,) = client.predict(data)
        assert not client.feedback(data, label=1, answer=answer.request_id, consent=True).duplicate


def label_all(project, browser, queue: Queue) -> str:
    """Label what waits, on the page and in the queue; returns what `digits label` prints at its end."""
    port = free_port()
    command = "digits", "label", "--port", str(port), "--who", "Somebody"
    with project.start(*command) as process:
        try:
            wait_for(port)
            with opened(browser, f"http://127.0.0.1:{port}") as page:
                for left, key in zip(range(PICTURES, 0, -1), ["Enter"] * BY_KEYS + ["1"], strict=False):
                    page.locator("#count", has_text=f"{left} left").wait_for()
                    page.locator("#accept", has_text="Accept 1").wait_for()
                    page.locator("#picture:visible").wait_for()  # before it is seen, a key does nothing
                    page.keyboard.press(key)
                page.locator("#count", has_text=f"{PICTURES - BY_KEYS - 1} left").wait_for()
            for item in queue.items(WAITING):
                queue.decide(item.sha256, item.suggested, "Somebody")
        finally:
            process.send_signal(signal.SIGINT)
        return process.communicate(timeout=30)[0]


def test_a_digit_that_is_misread_is_read_by_the_champion_that_learned_from_its_correction(project, browser, tmp_path):
    queue = Queue(project.root / paths.FEEDBACK)
    with serving(project, tmp_path / "log") as service:
        service.wait(lambda status, _: status == 200, seconds=120)
        address = f"http://127.0.0.1:{service.port}"
        with opened(browser, address) as page, Client(address) as client:
            strokes = draw_misread(page)
            correct_on_page(page)
            send_others(client)
            assert len(queue.items(WAITING)) == PICTURES

            printed = label_all(project, browser, queue)
            assert f"{PICTURES} labelled" in printed
            added = project.run("digits", "data", "add-labelled")
            assert f"{PICTURES} pictures ({PICTURES} of 1)" in added
            assert "`dvc add data/external`, then `dvc repro`" in added
            assert {item.state for item in queue.items()} == {ADDED}
            rows = provenance.read(project.root / paths.PROVENANCE).values()
            assert {(row.label, row.who, row.version) for row in rows} == {("1", "Somebody", "1")}
            assert sum((project.root / row.path).is_file() for row in rows) == PICTURES

            project.run("dvc", "add", "--quiet", "data/external")
            project.commit()
            assert "version 2 is champion" in project.run("dvc", "repro")  # with the parameters of version 1
            service.wait(lambda _, found: found["version"] == "2", seconds=120)
            assert client.model()["version"] == "2"
            assert draw_and_read(page, strokes)[0] == "1"
            page.get_by_text("Version 2 of the model answers").wait_for()
