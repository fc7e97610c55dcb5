"""The labelling page in a real browser: by keyboard, with undo, beside a second browser, and by touch. 10 s."""

import pytest
from playwright.sync_api import expect

from digits.data.pictures import encode_png
from digits.feedback.items import Report
from digits.feedback.queue import Queue
from digits.serving.labelling import app
from tests import chromium
from tests.chromium import find_violations
from tests.serving import running_app, settings

chromium.skip_without()
LIMITS = settings(app.FOLDER).limits
# Of a row: the label of the digit, what people suggest, and the probability of the model's wrong answer
ROWS = [(7, "7", 0.1), (3, "8", 0.2), (5, None, 0.3), (0, "none", 0.4), (2, "2", 0.5)]


@pytest.fixture
def queue(tmp_path, mnist_digits) -> Queue:
    queue = Queue(tmp_path)
    for number, (label, suggested, probability) in enumerate(ROWS):
        picture = encode_png(mnist_digits.images[500 * label])
        reason = "looks like no digit: <b>outlier</b>"
        queue.add(picture, Report((f"id-{number}",), suggested, 1, probability, number != 1, reason, "2"))
    return queue


@pytest.fixture
def address(queue):
    with running_app(app.create_app(queue, "Ada", None, LIMITS), LIMITS) as address:
        yield address


def opened(browser, address: str, **options):
    page = browser.new_page(**options)
    page.goto(address)
    expect(page.get_by_alt_text("The picture to be labelled")).to_be_visible()
    return page


def wait_until_shown(page) -> None:
    """Wait for a picture, or for the end of the queue."""
    expect(page.locator("#picture:visible, #end:visible")).to_have_count(1)


def press(page, key: str) -> None:
    """Press a key on a picture that is shown: before, a key does nothing."""
    wait_until_shown(page)
    shown = page.locator("#announcement").text_content()
    page.keyboard.press(key)
    expect(page.locator("#announcement")).not_to_have_text(shown)
    wait_until_shown(page)


def labels(queue: Queue) -> list[str | None]:
    """The labels in the order of ROWS."""
    return [item.label for item in sorted(queue.items(), key=lambda item: item.request_ids)]


def test_the_queue_is_labelled_by_keyboard_alone(browser, address, queue):
    page = opened(browser, address)
    expect(page.locator("#count")).to_have_text("5 left")
    assert find_violations(page) == []
    press(page, "Enter")  # accepts 7
    assert labels(queue) == ["7", None, None, None, None]
    expect(page.locator("#refusal")).to_contain_text("refused: looks like no digit: <b>outlier</b>")
    press(page, "4")
    press(page, "u")
    assert labels(queue) == ["7", None, None, None, None]
    press(page, "3")
    page.keyboard.press("Enter")  # there is no suggestion
    expect(page.get_by_role("button", name="No suggestion to accept")).to_be_disabled()
    press(page, "ArrowRight")
    press(page, "ArrowLeft")
    press(page, "d")
    press(page, "Enter")  # accepts that it is no digit
    assert labels(queue) == ["7", "3", "drop", "drop", None]
    press(page, "Control+z")
    press(page, "Delete")
    press(page, "2")
    assert labels(queue) == ["7", "3", "drop", "drop", "2"]
    expect(page.get_by_role("heading", name="Every picture is decided")).to_be_focused()
    text = "3 labelled, 2 dropped, 0 waiting; next: digits data add-labelled"
    expect(page.locator("#progress")).to_have_text(text)
    assert find_violations(page) == []
    assert {item.who for item in queue.items()} == {"Ada"}
    page.close()


def test_what_a_second_browser_has_decided_is_shown_and_stays(browser, address, queue):
    mine, other = (opened(browser, address) for _ in range(2))
    press(other, "9")
    mine.keyboard.press("7")
    expect(mine.get_by_role("alert").first).to_contain_text("somebody has decided meanwhile: 9 by Ada")
    expect(mine.locator("#state")).to_have_text("Labelled 9 by Ada")
    assert labels(queue)[0] == "9"
    press(mine, "7")  # it has been seen, and is decided anew
    press(other, "u")  # the other browser's last decision, which holds no more
    assert labels(queue) == ["7", None, None, None, None]
    expect(other.locator("#state")).to_have_text("Labelled 7 by Ada")
    queue.remove([item.sha256 for item in queue.items() if "id-1" in item.request_ids])
    mine.keyboard.press("8")
    expect(mine.get_by_role("alert").first).to_contain_text("does not have this picture any more")
    expect(mine.locator("#count")).to_have_text("3 left")
    mine.close()
    other.close()


def test_an_undo_that_fails_can_be_tried_again(browser, address, queue):
    page = opened(browser, address)
    press(page, "7")
    full = {"status": 507, "json": {"detail": "the disk is full"}}
    page.route(
        "**/queue/*", lambda route: route.fulfill(**full) if route.request.method == "POST" else route.continue_()
    )
    page.keyboard.press("u")
    expect(page.get_by_role("alert").first).to_have_text("the disk is full")
    page.unroute("**/queue/*")
    page.context.set_offline(True)
    page.keyboard.press("u")
    expect(page.get_by_role("alert").first).to_contain_text("it is not known whether this decision is written")
    page.context.set_offline(False)
    assert labels(queue)[0] == "7"
    press(page, "u")
    assert labels(queue)[0] is None
    press(page, "7")
    for key in ("ArrowRight",) * 4:
        press(page, key)
    page.context.set_offline(True)
    page.get_by_role("button", name="Look for more").click()
    expect(page.locator("#end-problem")).to_contain_text("the queue can't be read")
    page.close()


def test_a_picture_that_is_deleted_after_another_decision_leaves_the_page(browser, address, queue):
    page = opened(browser, address)
    sha256 = next(one.sha256 for one in queue.items() if "id-0" in one.request_ids)
    queue.decide(sha256, "9", "Ben")

    def delete(route) -> None:
        if route.request.method == "GET":
            queue.remove([sha256])
        route.continue_()

    page.route(f"**/queue/{sha256}", delete)
    page.keyboard.press("7")
    expect(page.get_by_role("alert").first).to_contain_text("somebody has decided meanwhile: 9 by Ben")
    expect(page.locator("#count")).to_have_text("4 left")
    press(page, "8")  # on the next picture
    assert labels(queue) == ["8", None, None, None]
    page.close()


def test_it_is_labelled_by_touch_and_no_button_is_pressed_again_by_enter(browser, address, queue):
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "color_scheme": "dark"}
    page = opened(browser, address, **phone)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert find_violations(page) == []
    page.get_by_role("button", name="Label 6").tap()
    expect(page.locator("#count")).to_have_text("4 left")
    wait_until_shown(page)
    press(page, "Enter")
    assert labels(queue) == ["6", "8", None, None, None]
    page.get_by_role("button", name="Undo").tap()
    expect(page.locator("#count")).to_have_text("4 left")
    assert labels(queue) == ["6", None, None, None, None]
    page.close()
