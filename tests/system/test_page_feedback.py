"""Corrections on the service's page, in a real browser and against the real queue. Some 15 s."""

import base64
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from digits.data.picture_files import PictureFile
from digits.data.pictures import decode, encode_png
from digits.feedback.items import WAITING
from digits.feedback.queue import Queue
from tests import chromium
from tests.chromium import DESKTOP, find_violations, opened
from tests.feedback import folder_in_memory
from tests.gestures import draw, give
from tests.serving import running, settings, with_feedback, write_constant

chromium.skip_without()
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
ONE = [[(0.3, 0.5), (0.6, 0.15), (0.6, 0.85)]]  # the model answers 7, whatever it sees
# Chromium tells a test nothing of a file in a request
RECORD = """() => {
    const send = window.fetch;
    window.uploads = [];
    window.fetch = (path, options) => {
        uploads.push([path, options.body?.get("file")]);
        return send(path, options);
    };
}"""
LAST = """async (route) => {
    const [, file] = uploads.findLast(([path]) => path.startsWith(route));
    return btoa(String.fromCharCode(...new Uint8Array(await file.arrayBuffer())));
}"""
BOXES = [(40, 60, 70, 130), (180, 60, 210, 130), (320, 60, 350, 130)]  # of the bars of a sheet


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_constant(tmp_path_factory.mktemp("page"), label=7)


@pytest.fixture(scope="module")
def shared_service(folder):
    """A service that takes feedback: its address, and its queue."""
    with folder_in_memory() as kept:
        limits = {"per_minute": 1000, "per_day": 1000}
        with running(with_feedback(folder, kept, **limits)) as address:
            yield SimpleNamespace(address=address, queue=Queue(kept))


@pytest.fixture
def service(shared_service):
    """The same with an empty queue."""
    shared_service.queue.remove_all()
    return shared_service


@pytest.fixture
def page(browser, service):
    with opened(browser, service.address) as page:
        yield page


@pytest.fixture(scope="module")
def sheet() -> bytes:
    pixels = np.full((200, 420), 235, np.uint8)
    for left, top, right, bottom in BOXES:
        cv2.rectangle(pixels, (left + 10, top), (right - 10, bottom), 30, -1)
    return encode_png(pixels)


def answered(page):
    """Draw a 1; returns the response that reads the whole of it as 7."""
    answers = []
    page.on("response", lambda response: answers.append(response) if "/v1/predict" in response.url else None)
    draw(page, ONE)
    page.locator("#announcement", has_text="7, ").wait_for(state="attached")
    return answers[-1]


def correct(page, name: str, place: str = "#answer-correction") -> None:
    """Open the correction, agree, and choose."""
    controls = page.locator(place)
    controls.get_by_text("Wrong? Say what it is").click()
    controls.get_by_role("checkbox").check()
    controls.get_by_role("button", name=name, exact=True).click()


def outcome(page, text: str, place: str = "#answer-correction") -> str:
    found = page.locator(f"{place} .outcome", has_text=text)
    found.wait_for()
    return found.inner_text()


def last_uploaded(page, path: str) -> bytes:
    """The file that was sent last to the route `path`, after RECORD."""
    return base64.b64decode(page.evaluate(LAST, path))


def test_the_picture_that_was_misread_is_sent_with_its_answer_and_can_be_deleted_by_the_shown_id(page, service):
    page.evaluate(RECORD)
    answer = answered(page)
    correct(page, "It is 1")
    text = outcome(page, "Thank you. Sent as 1. It is deleted on ")
    (item,) = service.queue.items(WAITING)
    assert (item.suggested, item.predicted, item.version, item.reports) == ("1", 7, "3", 1)
    assert answer.headers["x-request-id"] in item.request_ids
    assert last_uploaded(page, "v1/feedback") == last_uploaded(page, "v1/predict")
    assert page.locator("#announcement").inner_text() == text
    shown = page.locator("#answer-correction code").inner_text()
    assert shown in item.request_ids
    service.queue.remove([item.sha256])


def test_nothing_is_sent_without_consent_which_this_tab_remembers_until_it_is_taken_back(browser, service, page):
    answered(page)
    controls = page.locator("#answer-correction")
    controls.get_by_text("Wrong? Say what it is").click()
    assert "kept: for up to 90 days" in controls.locator(".terms").inner_text()
    assert controls.locator("button:enabled").count() == 0
    controls.get_by_role("checkbox").check()
    assert controls.locator("button:enabled").count() == 11
    assert service.queue.items() == []
    page.reload()
    answered(page)
    correct(page, "It is no digit")
    outcome(page, "Sent as no digit")
    assert service.queue.items()[0].suggested == "none"
    with opened(browser, service.address) as other:
        other.get_by_text("Version 3").wait_for()
        assert not other.locator("#answer-correction input").is_checked()
    controls.get_by_role("checkbox").uncheck()
    page.reload()
    page.get_by_text("Version 3").wait_for()
    assert not controls.locator("input").is_checked()
    assert page.evaluate("Object.keys({...localStorage, ...sessionStorage}).length") == 0


def test_the_keyboard_corrects_an_answer_and_the_next_answer_has_controls_of_its_own(page, service):
    answered(page)
    page.locator("#answer-correction summary").focus()
    for key in ("Enter", "Tab", "Space", "Tab", "Tab", "Enter"):
        page.keyboard.press(key)
    outcome(page, "Sent as 1")
    page.get_by_role("button", name="Clear").click()
    assert page.locator("#answer-correction summary").is_hidden()
    answered(page)
    assert page.locator("#answer-correction summary").is_visible()
    assert page.locator("#answer-correction details").get_attribute("open") is None
    assert page.locator("#answer-correction .outcome").text_content() == ""
    correct(page, "It is 2")
    outcome(page, "this picture is known already. Sent as 2")
    assert service.queue.items()[0].reports == 2


def test_a_correction_is_sent_once(page, service):
    answered(page)
    waiting = []
    page.route("**/v1/feedback*", lambda route: waiting.append(route))
    with page.expect_request("**/v1/feedback*"):
        correct(page, "It is 1")
    buttons = page.locator("#answer-correction .choices button:enabled")
    page.locator("#answer-correction .outcome", has_text="Sending").wait_for()
    assert buttons.count() == 0
    waiting[0].abort()
    outcome(page, "No connection to the service")
    assert buttons.count() == 11
    with page.expect_request("**/v1/feedback*"):
        page.keyboard.press("Enter")  # the button has the focus still
    page.locator("#answer-correction .outcome", has_text="Sending").wait_for()
    waiting[1].continue_()
    outcome(page, "Thank you. Sent as 1")
    assert buttons.count() == 0
    page.locator("#answer-correction input").uncheck()
    page.locator("#answer-correction input").check()
    assert buttons.count() == 0
    assert (len(waiting), service.queue.items()[0].reports) == (2, 1)


def test_a_picture_beyond_the_browsers_limits_is_not_sent(page, service, sheet):
    page.get_by_role("tab", name="Many digits").click()
    give(page, "drop", "sheet.png", sheet)
    page.get_by_role("heading", name="3 accepted, 0 refused").wait_for()
    page.locator("#boxes rect").nth(1).click()
    # The part to be cut out has 70,000 pixels on a side, more than a canvas can have
    page.evaluate("""async () => {
        const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="420000" height="200000"/>';
        photo.src = URL.createObjectURL(new Blob([svg], {type: "image/svg+xml"}));
        await photo.decode();
    }""")
    correct(page, "It is 1", "#reading-correction")
    text = outcome(page, "This browser can't make a picture of", "#reading-correction")
    assert text.endswith("Use a smaller picture, or cut out the digit. Nothing was sent.")
    assert page.locator("#reading-correction .choices button:enabled").count() == 11
    assert service.queue.items() == []


@pytest.mark.parametrize("way", ["click", "keyboard"])
def test_a_digit_of_a_page_is_cut_out_and_corrected(page, service, sheet, way):
    page.get_by_role("tab", name="Many digits").click()
    with page.expect_response("**/v1/read*") as reading:
        give(page, "drop", "sheet.png", sheet)
        page.get_by_role("heading", name="3 accepted, 0 refused").wait_for()
    if way == "click":
        page.locator("#boxes rect").nth(1).click()
        page.locator("#boxes rect").nth(2).hover()  # on the way to the controls
    else:
        page.locator("#boxes").focus()
        page.keyboard.press("ArrowRight")
    assert page.locator("#boxes g").nth(1).get_attribute("aria-selected") == "true"
    correct(page, "It is 1", "#reading-correction")
    outcome(page, "Sent as 1", "#reading-correction")
    (item,) = service.queue.items()
    assert reading.value.headers["x-request-id"] in item.request_ids
    cut = decode(service.queue.picture(item.sha256)).pixels
    assert cut.shape == pytest.approx((70 + 14, 11 + 14), abs=3)  # the bar, and 10 % of its height on each side
    ink = np.argwhere(cut < 130)
    assert ink.min(axis=0) == pytest.approx((7, 7), abs=2)


def test_a_photograph_is_sent_with_fewer_pixels(page, service):
    pixels = np.full((1100, 2200), 235, np.uint8)
    cv2.line(pixels, (1100, 150), (1100, 950), 30, 90)
    page.evaluate(RECORD)
    give(page, "drop", "photo.png", encode_png(pixels))
    page.locator("#announcement", has_text="7, ").wait_for(state="attached")
    correct(page, "It is 1")
    outcome(page, "Thank you")
    sent = PictureFile(last_uploaded(page, "v1/feedback"))
    assert (sent.width, sent.height) == (1000, 500)


def test_what_is_not_taken_is_explained_and_the_picture_stays(browser, folder, tmp_path):
    with running(with_feedback(folder, tmp_path, max_waiting=1)) as address, opened(browser, address) as page:
        answered(page)
        correct(page, "It is 1")
        outcome(page, "Thank you")
        page.get_by_role("button", name="Clear").click()
        draw(page, [[(0.2, 0.3), (0.8, 0.7)]])
        page.locator("#answer[data-state=accepted]").wait_for()
        correct(page, "It is 1")
        assert "the picture stays here" in outcome(page, "Too many corrections wait for a person. Choose again in ")
        assert page.locator("#answer-correction .reason").inner_text().startswith("The service says: ")
        assert page.locator("#answer-correction .receipt").is_hidden()
        assert page.locator("#label").inner_text() == "7"
        assert len(Queue(tmp_path).items()) == 1


def test_each_error_has_its_words(page):
    texts = page.evaluate("""async () => {
        const { describeFeedbackError } = await import("/static/text.js");
        const all = [401, 403, 413, 422, 429, 507, 500];
        return all.map((status) => describeFeedbackError({ status, retryAfter: 61 }));
    }""")
    words = [
        "API key",
        "takes no corrections",
        "too large",
        "can't use",
        "Choose again in 61 s",
        "no room left",
        "has failed",
    ]
    assert [word in text for word, text in zip(words, texts, strict=True)] == [True] * 7


def test_without_feedback_there_are_no_controls(browser, folder):
    with running(settings(folder)) as address, opened(browser, address) as page:
        page.get_by_text("Version 3").wait_for()
        answered(page)
        assert page.get_by_text("Wrong?").count() == 2
        assert page.get_by_text("Wrong?").first.is_hidden()


@pytest.mark.parametrize(("scheme", "screen"), [("light", DESKTOP), ("dark", PHONE)])
def test_no_state_of_a_correction_hinders_people(browser, service, sheet, scheme, screen):
    with opened(browser, service.address, **screen, color_scheme=scheme, reduced_motion="reduce") as page:
        page.get_by_text("Version 3").wait_for()
        answered(page)
        page.get_by_text("Wrong? Say what it is").first.click()
        assert find_violations(page) == []
        page.locator("#answer-correction input").check()
        page.get_by_role("button", name="It is 1").click()
        outcome(page, "Thank you")
        assert find_violations(page) == []
        page.get_by_role("tab", name="Many digits").click()
        give(page, "drop", "sheet.png", sheet)
        page.get_by_role("heading", name="3 accepted").wait_for()
        page.locator("#boxes rect").nth(1).click()
        page.locator("#reading-correction summary").click()
        assert find_violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") == screen["viewport"]["width"]
