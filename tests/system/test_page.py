"""The service's page in a real browser, on a linear model that is trained here. 45 s."""

import io
import statistics
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from digits.data.dataset import NO_DIGIT, Digits
from digits.data.non_digits import Source, scribbles
from digits.data.pictures import canonical_digit, encode_png
from digits.model.acceptance import Acceptance, apply
from digits.serving import local_copy
from tests import chromium, linear_model
from tests.chromium import DESKTOP, PHONE, find_violations, opened
from tests.gestures import draw, draw_by_pointer, give
from tests.serving import running, settings, with_feedback, write_copy

chromium.skip_without()
KEY = "a-key-of-the-test"
# Strokes as corners (x, y), fractions of the drawing area's side
SEVEN = [[(0.25, 0.2), (0.75, 0.2), (0.45, 0.85)]]
STAR = [[(0.2, 0.2), (0.8, 0.8)], [(0.8, 0.2), (0.2, 0.8)], [(0.5, 0.1), (0.5, 0.9)], [(0.1, 0.5), (0.9, 0.5)]]
SCRIPT = "<img src=x onerror=\"document.title='run'\">.png"


@pytest.fixture(scope="module")
def folder(tmp_path_factory, mnist_digits) -> Path:
    """The local copy of a linear model, which refuses scribbles."""
    folder = tmp_path_factory.mktemp("page")
    source = Source(np.random.default_rng(0), True, mnist_digits.images)
    drawn = np.stack([canonical_digit(scribbles(source)) for _ in range(300)])
    learned = Digits(
        np.concatenate([mnist_digits.images[::2], drawn]),
        np.concatenate([mnist_digits.labels[::2], np.full(len(drawn), NO_DIGIT)]),
    )
    network, model = linear_model.train(learned, folder / "network.onnx"), folder / "model.onnx"
    apply(network, Acceptance(1.0, 0.4, 0.0), model)
    write_copy(folder, model)
    description = local_copy.read(folder).description
    description["certificate"] |= {"state": "valid", "text": "at most 5% of <b>accepted</b> answers are wrong"}
    local_copy.write(folder, model, description)
    return folder


@pytest.fixture(scope="module")
def address(folder, tmp_path_factory):
    with running(with_feedback(folder, tmp_path_factory.mktemp("feedback"))) as address:
        yield address


@pytest.fixture
def page(browser, address):
    with opened(browser, address) as page:
        yield page


@pytest.fixture(scope="module")
def seven() -> bytes:
    pixels = np.full((140, 140), 255, np.uint8)
    cv2.polylines(pixels, [(np.array(SEVEN) * 140).astype(int)], False, 0, 9, cv2.LINE_AA)
    return encode_png(pixels)


@pytest.fixture(scope="module")
def sheet(mnist_digits) -> bytes:
    """Two lines, 777 and 77 with a star, of digits that the model has not learned."""
    pixels = np.full((300, 420), 235, np.uint8)
    for place, digit in enumerate(mnist_digits.images[mnist_digits.labels == 7][1:11:2]):
        top, left = 40 + 130 * (place // 3), 40 + 110 * (place % 3)
        pixels[top : top + 56, left : left + 56] -= (cv2.resize(digit, (56, 56)) * 0.8).astype(np.uint8)
    for start, end in np.rint(np.array(STAR) * 56).astype(int).tolist():
        cv2.line(pixels[170:226, 260:316], start, end, 40, 4, cv2.LINE_AA)
    return encode_png(pixels)


def wait_until(page, state: str) -> None:
    page.locator(f"#answer[data-state={state}]").wait_for()


def wait_for_announcement(page, text: str) -> None:
    """An answer is announced to screen readers only once the pen is up."""
    page.locator("#announcement", has_text=text).wait_for(state="attached")


def heading(page, text: str):
    return page.get_by_role("heading", name=text)


def bars(page) -> list[float]:
    return [float(text.rstrip("%")) for text in page.locator("#bars .share").all_inner_texts() if text]


def test_the_bars_move_while_a_digit_is_drawn_and_the_label_is_announced(page):
    area = page.get_by_label("Drawing area").bounding_box()
    page.mouse.move(area["x"] + 100, area["y"] + 100)
    page.mouse.down()
    page.mouse.move(area["x"] + 300, area["y"] + 110, steps=5)
    page.locator("#bars .best").wait_for()
    during = bars(page)
    assert page.locator("#announcement").inner_text() == ""
    page.mouse.move(area["x"] + 200, area["y"] + 380, steps=5)
    page.mouse.up()
    wait_for_announcement(page, "7, ")
    assert page.locator("#label").inner_text() == "7"
    assert sum(bars(page)) == pytest.approx(100, abs=0.5)
    assert bars(page) != during
    assert page.get_by_alt_text("The digit, centred").evaluate("image => image.naturalWidth") == 28
    assert "Version 3" in page.locator("#model").inner_text()
    assert "at most 5% of <b>accepted</b> answers" in page.locator("#model").inner_text()


def test_the_answer_comes_soon_after_the_stroke(page, record_property):
    page.evaluate("""() => {
        window.durations = [];
        const add = (entries) => durations.push(...entries.getEntries().map((one) => one.duration));
        new PerformanceObserver(add).observe({ entryTypes: ["measure"] });
    }""")
    draw(page, STAR)
    wait_until(page, "refused")
    median = statistics.median(page.evaluate("durations"))
    record_property("median of the milliseconds from stroke to answer", median)
    assert median < 500  # some 40 on two busy cores


def test_at_most_one_request_is_under_way_and_the_last_drawing_is_answered(page):
    under_way, most = set(), 0

    def begin(request) -> None:
        nonlocal most
        under_way.add(request)
        most = max(most, len(under_way))

    page.on("request", begin)
    page.on("requestfinished", lambda request: under_way.discard(request))
    draw(page, STAR)
    wait_until(page, "refused")
    page.get_by_role("button", name="Clear").click()
    draw(page, SEVEN)
    wait_for_announcement(page, "7, ")
    assert most == 1


def test_undo_takes_back_a_stroke_and_a_clearing(page):
    draw(page, SEVEN)
    wait_until(page, "accepted")
    page.get_by_role("button", name="Clear").click()
    wait_until(page, "empty")
    assert bars(page) == []
    assert page.get_by_text("Draw a digit").is_visible()
    page.keyboard.press("Control+z")
    wait_until(page, "accepted")
    page.keyboard.press("Control+z")
    wait_until(page, "empty")
    page.get_by_role("button", name="Undo").click()
    wait_until(page, "empty")


def test_the_keyboard_reaches_everything_and_draws(page):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "one-tab"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "drawing"
    assert page.get_by_text("Arrow keys move the pen").is_visible()
    for keys in (["ArrowLeft"] * 9, " ", ["ArrowRight"] * 18, ["ArrowDown"] * 24, " "):
        for key in keys:
            page.keyboard.press(key)
    wait_for_announcement(page, "%")
    assert len(bars(page)) == 10
    page.keyboard.press("Delete")
    wait_until(page, "empty")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("ArrowRight")
    assert page.get_by_text("A page, a line or a grid").is_visible()


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_picture_is_answered_and_a_script_in_its_name_is_text(page, seven, kind):
    give(page, kind, SCRIPT, seven)
    wait_until(page, "accepted")
    assert page.locator("#label").inner_text() == "7"
    assert page.locator("#drawing-name").inner_text() == SCRIPT
    page.get_by_role("tab", name="Many digits").click()
    give(page, kind, SCRIPT, seven)
    heading(page, "1 accepted, 0 refused").wait_for()
    assert page.locator("#photo-name").inner_text() == SCRIPT
    assert page.title() == "Digits"


def test_only_the_first_of_several_pictures_is_read(page, seven):
    pictures = [{"name": name, "mimeType": "image/png", "buffer": seven} for name in ("first.png", "second.png")]
    for tab, name in (("One digit", "#drawing-name"), ("Many digits", "#photo-name")):
        page.get_by_role("tab", name=tab).click()
        page.evaluate("document.getElementById('file').multiple = true")  # as if both were dropped
        page.locator("#file").set_input_files(pictures)
        assert page.locator(name).inner_text() == "Only the first of 2 is read: first.png"
    heading(page, "1 accepted, 0 refused").wait_for()


@pytest.mark.parametrize("kind", ["touch", "pen"])
def test_a_digit_is_drawn_by_finger_and_by_pen(browser, address, kind):
    with opened(browser, address, **PHONE) as page:
        draw_by_pointer(page, kind, SEVEN[0])
        wait_for_announcement(page, "7, ")


def test_a_phone_photographs(browser, address, sheet):
    with opened(browser, address, **PHONE) as page:
        page.get_by_role("tab", name="Many digits").click()
        with page.expect_file_chooser() as choosing:
            page.locator("#many").get_by_role("button", name="Photo").tap()
        assert choosing.value.element.get_attribute("capture") == "environment"
        choosing.value.set_files({"name": "photo.png", "mimeType": "image/png", "buffer": sheet})
        heading(page, "5 accepted, 1 refused").wait_for()


def test_a_refusal_is_explained_and_can_be_read_as_many_digits(page):
    draw(page, STAR)
    wait_until(page, "refused")
    assert page.locator("#headline").inner_text() == "This looks like no single digit"
    assert "Show one digit" in page.locator("#explanation").inner_text()
    assert "outlier score" in page.locator("#reason").inner_text()
    page.get_by_role("button", name="Read it as many digits").click()
    heading(page, "refused").wait_for()
    assert page.locator("#photo-name").inner_text() == "Your drawing"


def test_a_page_has_boxes_and_its_lines_as_text(page, sheet):
    page.get_by_role("tab", name="Many digits").click()
    page.locator("#file").set_input_files({"name": "sheet.png", "mimeType": "image/png", "buffer": sheet})
    heading(page, "5 accepted, 1 refused").wait_for()
    assert page.locator("#lines").inner_text().split() == ["777", "7", "7"]
    assert page.locator("#boxes .accepted").count() == 5
    page.locator("#boxes .refused").hover(force=True)
    assert page.locator("#detail").inner_text().startswith("This looks like no single digit. Best guess")
    page.locator("#boxes").focus()
    for _ in range(9):
        page.keyboard.press("ArrowLeft")
    assert page.locator("#boxes [aria-selected=true]").get_attribute("aria-label").startswith("7, ")
    first, photo = page.locator("#boxes rect").first.bounding_box(), page.locator("#photo").bounding_box()
    assert (first["x"] - photo["x"]) / photo["width"] == pytest.approx(40 / 420, abs=0.05)
    page.get_by_text("Grid", exact=True).click()
    heading(page, "No grid is found").wait_for()


def test_a_picture_that_no_browser_shows_has_its_boxes_once(page, sheet):
    photo = io.BytesIO()
    Image.open(io.BytesIO(sheet)).save(photo, "TIFF")
    page.get_by_role("tab", name="Many digits").click()
    page.locator("#file").set_input_files({"name": "sheet.tif", "mimeType": "image/tiff", "buffer": photo.getvalue()})
    heading(page, "5 accepted, 1 refused").wait_for()
    with page.expect_response("**/v1/read*") as reading:
        page.get_by_text("One line", exact=True).click()
    heading(page, "accepted").wait_for()
    assert page.locator("#photo").get_attribute("src").endswith(reading.value.json()["annotated"])
    assert page.locator("#boxes text:visible").count() == 0
    assert page.locator("#boxes rect").first.evaluate("one => getComputedStyle(one).stroke") == "none"


def test_a_grid_is_a_table(page, mnist_digits):
    pixels = np.full((340, 340), 235, np.uint8)
    for place in range(20, 341, 100):
        cv2.line(pixels, (20, place), (320, place), 60, 2)
        cv2.line(pixels, (place, 20), (place, 320), 60, 2)
    digit = cv2.resize(mnist_digits.images[mnist_digits.labels == 7][1], (56, 56))
    pixels[142:198, 142:198] -= (digit * 0.8).astype(np.uint8)
    page.get_by_role("tab", name="Many digits").click()
    page.get_by_text("Grid", exact=True).click()
    give(page, "drop", "grid.png", encode_png(pixels))
    page.locator("td").first.wait_for()
    assert page.locator("td").all_inner_texts() == ["", "", "", "", "7", "", "", "", ""]


def test_after_a_lost_connection_the_page_tries_again_by_itself(page, sheet):
    page.context.set_offline(True)
    draw(page, SEVEN)
    heading(page, "No connection to the service").wait_for()
    page.get_by_role("tab", name="Many digits").click()
    give(page, "drop", "sheet.png", sheet)
    heading(page, "No connection to the service").wait_for()
    page.context.set_offline(False)
    heading(page, "5 accepted, 1 refused").wait_for()
    page.get_by_role("tab", name="One digit").click()
    wait_until(page, "accepted")


def test_after_a_failure_the_same_picture_can_be_asked_again(page, sheet):
    page.route("**/v1/*?*", lambda route: route.fulfill(status=500, json={}))
    draw(page, SEVEN)
    heading(page, "The service has failed").wait_for()
    page.get_by_role("tab", name="Many digits").click()
    give(page, "drop", "sheet.png", sheet)
    heading(page, "The service has failed").wait_for()
    page.unroute_all()
    page.get_by_role("button", name="Try again").click()
    heading(page, "5 accepted, 1 refused").wait_for()
    page.get_by_role("tab", name="One digit").click()
    page.get_by_role("button", name="Try again").click()
    wait_until(page, "accepted")


def test_what_is_no_picture_is_explained(page):
    give(page, "drop", "notes.png", b"no picture")
    heading(page, "This picture can't be read").wait_for()
    assert "supported: PNG" in page.locator("#reason").inner_text()
    draw(page, SEVEN)
    wait_until(page, "accepted")


def test_the_key_is_asked_for_and_kept_in_the_session(browser, folder):
    with running(settings(folder, (KEY,))) as address, opened(browser, address) as page:
        page.get_by_role("textbox", name="API key").fill("wrong")
        page.keyboard.press("Enter")
        page.get_by_text("does not accept this key").wait_for()
        assert find_violations(page) == []
        page.get_by_role("textbox", name="API key").fill(KEY)
        page.keyboard.press("Enter")
        page.get_by_text("Version 3").wait_for()
        draw(page, SEVEN)
        wait_until(page, "accepted")
        page.reload()
        page.get_by_text("Version 3").wait_for()
        assert page.evaluate("Object.keys(localStorage).length") == 0


@pytest.mark.parametrize(("scheme", "screen"), [("light", DESKTOP), ("dark", PHONE)])
def test_no_state_moves_the_layout_or_hinders_people(browser, address, sheet, scheme, screen):
    with opened(browser, address, **screen, color_scheme=scheme, reduced_motion="reduce") as page:
        page.get_by_text("Version 3").wait_for()
        places = []
        for state, strokes in (("empty", []), ("accepted", SEVEN), ("refused", STAR)):
            page.keyboard.press("Delete")
            draw(page, strokes)
            wait_until(page, state)
            places.append([page.locator(one).bounding_box() for one in ("#drawing", "#label", "#bars", "footer")])
            assert find_violations(page) == [], state
        assert places[0] == places[1] == places[2]
        last = page.locator("#bars li").last.bounding_box()
        assert last["y"] + last["height"] <= screen["viewport"]["height"]  # no scrolling to see all bars
        page.get_by_role("tab", name="Many digits").click()
        assert find_violations(page) == []
        give(page, "drop", "sheet.png", sheet)
        heading(page, "5 accepted, 1 refused").wait_for()
        page.locator("#boxes").focus()
        page.get_by_text("Keyboard shortcuts").click()
        assert find_violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") == screen["viewport"]["width"]
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(20, 23, 28)") is (scheme == "dark")
