"""The server of the labelling page: decisions of several browsers, and whom it answers. 0.5 s in all.

tests/system/test_labelling.py has the page in a browser.
"""

import re
import threading

import pytest
import requests

from digits.data.pictures import decode_canonical, encode_png
from digits.feedback.queue import Queue
from digits.serving import page
from digits.serving.labelling import app
from tests.feedback import REPORT, noise
from tests.serving import running_app, settings

LIMITS = settings(app.FOLDER).limits


@pytest.fixture
def queue(tmp_path) -> Queue:
    queue = Queue(tmp_path)
    for seed in range(3):
        queue.add(noise(seed), REPORT._replace(probability=(seed + 1) / 10, accepted=seed != 1, reason=None))
    return queue


@pytest.fixture
def address(queue):
    with running_app(app.create_app(queue, "Ada", None, LIMITS), LIMITS) as address:
        yield address


def first(queue: Queue) -> str:
    return queue.items("waiting")[0].sha256


def decide(address: str, sha256: str, label: str | None, state: str = "waiting", shown: str | None = None, **more):
    content = {"label": label, "shown_state": state, "shown_label": shown}
    return requests.post(f"{address}/queue/{sha256}", json=content, **more)


def test_it_lists_what_waits_in_the_order_of_the_queue(address, queue):
    found = requests.get(f"{address}/queue").json()
    assert found["who"] == "Ada"
    assert [item["sha256"] for item in found["items"]] == [item.sha256 for item in queue.items("waiting")]
    known = queue.items("waiting")[0]._asdict()
    assert found["items"][0].items() <= known.items()
    assert known.keys() - found["items"][0] == {"request_ids", "received", "decided"}


def test_it_lists_a_selection(queue):
    with running_app(app.create_app(queue, "Ada", "refused", LIMITS), LIMITS) as address:
        (item,) = requests.get(f"{address}/queue").json()["items"]
    assert not item["accepted"]


def test_a_decision_is_in_the_queue_at_once_and_can_be_taken_back(address, queue):
    sha256 = first(queue)
    assert decide(address, sha256, "5").json()["label"] == "5"
    assert queue.get(sha256)[-3:-1] == ("5", "Ada")
    assert requests.get(f"{address}/queue/progress").json()["text"].startswith("1 labelled, 0 dropped, 2 waiting")
    assert decide(address, sha256, None, "labelled", "5").status_code == 200
    assert queue.get(sha256).state == "waiting"


def test_a_decision_on_what_somebody_has_decided_meanwhile_says_so_and_is_not_written(address, queue):
    sha256 = first(queue)
    queue.decide(sha256, "5", "Bob")
    refused = decide(address, sha256, "6")
    assert refused.status_code == 409
    assert refused.json()["detail"] == "somebody has decided meanwhile: 5 by Bob; this decision is not written"
    assert queue.get(sha256).label == "5"
    queue.decide(sha256, "3", "Bob")
    assert decide(address, sha256, None, "labelled", "5").status_code == 409
    assert decide(address, sha256, "6", "labelled", "3").status_code == 200


def test_of_many_browsers_that_decide_at_the_same_time_one_succeeds(address, queue):
    sha256, statuses = first(queue), []
    threads = [
        threading.Thread(target=lambda n=n: statuses.append((decide(address, sha256, str(n)).status_code, str(n))))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(status for status, _ in statuses) == [200] + [409] * 7
    assert (200, queue.get(sha256).label) in statuses


def test_what_is_in_the_data_or_deleted_is_refused(address, queue):
    added, deleted, _ = (item.sha256 for item in queue.items("waiting"))
    queue.decide(added, "5", "Bob")
    queue.mark_added([(added, "5")])
    queue.remove([deleted])
    assert decide(address, added, "6", "added", "5").status_code == 409
    assert decide(address, deleted, "6").status_code == 404
    assert requests.get(f"{address}/queue/{deleted}").status_code == 404
    assert requests.get(f"{address}/queue/{deleted}/picture.png").status_code == 404


@pytest.mark.parametrize("content", [{"label": "ten"}, {"label": 5}, {"label": "5", "who": "Eve"}, {}])
def test_another_decision_is_refused(address, queue, content):
    shown = {"shown_state": "waiting", "shown_label": None}
    assert requests.post(f"{address}/queue/{first(queue)}", json=shown | content).status_code == 422
    assert len(queue.items("waiting")) == 3


@pytest.mark.parametrize("name", ["..%2fqueue", "x", "%00" * 32, "'; DROP TABLE pictures; --"])
def test_an_id_that_is_none_is_not_found(address, queue, name):
    assert requests.get(f"{address}/queue/{name}/picture.png").status_code == 404
    assert len(queue.items("waiting")) == 3


def test_the_picture_and_its_canonical_digit_are_in_no_cache(address, queue):
    sha256 = first(queue)
    shown = requests.get(f"{address}/queue/{sha256}/picture.png")
    assert (shown.content, shown.headers["Content-Type"]) == (queue.picture(sha256), "image/png")
    canonical = requests.get(f"{address}/queue/{sha256}/canonical.png")
    assert canonical.content == encode_png(decode_canonical(queue.picture(sha256)))
    assert {one.headers["Cache-Control"] for one in (shown, canonical)} == {"no-store"}


def test_another_sites_page_and_another_name_are_refused(address, queue):
    sha256 = first(queue)
    assert decide(address, sha256, "5", headers={"Origin": "https://other.example"}).status_code == 403
    assert decide(address, sha256, "5", headers={"Host": "other.example"}).status_code == 421
    assert queue.get(sha256).state == "waiting"


def test_every_file_that_the_page_names_is_there_with_its_policy(address):
    html = requests.get(f"{address}/").text
    named = re.findall(r'(?:href|src)="(.*?)"', html)
    scripts = [file.name for file in app.FOLDER.glob("*.js")]
    assert {"shared/page.css", "static/labelling.css", "static/labelling.js"} <= set(named)
    for path in ["", *named, *(f"static/{name}" for name in scripts), "shared/text.js"]:
        response = requests.get(f"{address}/{path}")
        assert response.status_code == 200, path
        assert response.headers["Content-Security-Policy"] == page.HEADERS["Content-Security-Policy"]
    assert re.findall(r"<script(?! type=\"module\" src=)|<style|\sstyle=|\son\w+=", html) == []
