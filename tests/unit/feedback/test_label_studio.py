"""The queue as Label Studio's tasks, and its annotations, in both of its JSON formats, as decisions. 0.5 s in all.

The annotations have the form that label-studio-sdk 2.1.2 accepts (`LabelInterface`) and converts to JSON-MIN.
"""

import base64
import json
import re
from pathlib import Path

import pytest

from digits.errors import UserError
from digits.feedback import label_studio
from digits.feedback.queue import Queue
from tests.feedback import REPORT, noise


@pytest.fixture
def queue(tmp_path) -> Queue:
    queue = Queue(tmp_path / "feedback")
    for seed in range(3):
        queue.add(noise(seed), REPORT._replace(probability=(seed + 1) / 10))
    return queue


def annotation(*choices: str, updated: str = "2026-11-30T02:00:00.000000Z", **more) -> dict:
    value = {"choices": [*choices]}
    result = {"id": "a", "from_name": "digit", "to_name": "image", "type": "choices", "value": value}
    return {"id": 1, "result": [result], "was_cancelled": False, "updated_at": updated, **more}


def task(sha256: str, *annotations: dict, number: int = 12) -> dict:
    return {"id": number, "data": {"image": "data:…", "sha256": sha256}, "annotations": [*annotations]}


def minimal(sha256: str, **more) -> dict:
    return {"id": 12, "image": "data:…", "sha256": sha256, "annotation_id": 3, "annotator": 1, **more}


def write(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "labelled.json"
    path.write_text(json.dumps(content))
    return path


def test_a_task_has_the_picture_the_prediction_and_the_ids(queue, tmp_path):
    assert label_studio.export(queue, tmp_path / "tasks.json") == 3
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    item = queue.items("waiting")[0]
    first = tasks[0]
    kind, content = first["data"]["image"].split(",")
    assert (kind, base64.b64decode(content)) == ("data:image/png;base64", queue.picture(item.sha256))
    assert first["data"]["answer"] == "The model: 1 (10.0%). People say: 7."
    assert first["meta"] == {"sha256": item.sha256, "request_ids": ["feedback-1", "answer-1"], "version": "3"}
    (prediction,) = first["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("3", 0.1)
    assert prediction["result"][0]["value"] == {"choices": ["1"]}
    assert [one["data"]["sha256"] for one in tasks] == [one.sha256 for one in queue.items("waiting")]


def test_the_configuration_has_the_names_of_the_tasks_and_every_choice(tmp_path):
    label_studio.write_config(tmp_path / "tasks.xml")
    config = (tmp_path / "tasks.xml").read_text()
    assert re.findall(r'Choice value="(.*?)"', config) == [*"0123456789", "no digit"]
    assert '<Choices name="digit" toName="image"' in config
    assert '<Image name="image" value="$image"/>' in config


def test_an_empty_queue_is_an_empty_list(tmp_path):
    assert label_studio.export(Queue(tmp_path / "feedback"), tmp_path / "tasks.json") == 0
    assert json.loads((tmp_path / "tasks.json").read_text()) == []


@pytest.mark.parametrize("form", ["JSON", "JSON-MIN"])
def test_the_last_annotation_counts_and_what_was_skipped_keeps_waiting(queue, tmp_path, form):
    first, second, third = (item.sha256 for item in queue.items("waiting"))
    early, late = "2026-11-30T01:00:00.000000Z", "2026-11-30T02:00:00.000000Z"
    content = {
        "JSON": [
            task(first, annotation("4", updated=late), annotation("9", updated=early)),
            task(second, annotation("no digit")),
            task(third, annotation("5", was_cancelled=True)),
        ],
        "JSON-MIN": [
            minimal(first, digit="4", updated_at=late),
            minimal(first, digit="9", updated_at=early),
            minimal(second, digit="no digit", updated_at=late),
            minimal(third),
        ],
    }
    path = write(tmp_path, content[form])
    assert label_studio.apply(queue, path, "Ada") == {"labelled": 1, "dropped": 1}
    found = [(item.state, item.label, item.who) for item in map(queue.get, (first, second, third))]
    assert found == [("labelled", "4", "Ada"), ("dropped", "drop", "Ada"), ("waiting", None, None)]
    assert label_studio.apply(queue, path, "Bob") == {"unchanged": 2}
    assert queue.get(first).who == "Ada"


@pytest.mark.parametrize(
    "bad, words",
    [
        (task("0" * 64, annotation("1")), "the picture 0000000000000000 is not in the queue"),
        (task("FIRST", annotation("ten")), "task 12: its choice is 'ten'; expected one of 0, 1, 2"),
        (task("FIRST", annotation("1", "2")), "task 12: an annotation is not a single choice of 'digit'"),
        (task("FIRST", {"result": None}), "task 12: an annotation is not a single choice of 'digit'"),
        (minimal("FIRST", digit={"choices": ["1", "2"]}), "task 12: its choice is {'choices'"),
        ({"id": 12, "data": {"image": "x"}}, "task 12: it has no data.sha256"),
    ],
    ids=["unknown picture", "wrong choice", "two choices", "no result", "two choices in JSON-MIN", "no id"],
)
def test_what_is_wrong_is_named_and_nothing_is_taken(queue, tmp_path, bad, words):
    first, second, _ = (item.sha256 for item in queue.items("waiting"))
    content = json.loads(json.dumps([task(second, annotation("4"), number=1), bad]).replace("FIRST", first))
    with pytest.raises(UserError, match=re.escape(words)):
        label_studio.apply(queue, write(tmp_path, content), "Ada")
    assert len(queue.items("waiting")) == 3


def test_a_message_has_no_control_character_of_the_file_s_name(queue, tmp_path):
    path = write(tmp_path, [task("0" * 64, annotation("1"))]).rename(tmp_path / "a\x1b[31m.json")
    with pytest.raises(UserError, match="is not in the queue") as raised:
        label_studio.apply(queue, path, "Ada")
    assert str(raised.value).isprintable()


def test_what_has_been_added_to_the_data_is_refused_with_all_others(queue, tmp_path):
    first, second, _ = (item.sha256 for item in queue.items("waiting"))
    queue.decide(first, "4", "Ada")
    queue.mark_added([(first, "4")])
    path = write(tmp_path, [task(second, annotation("4")), task(first, annotation("5"))])
    with pytest.raises(UserError, match=f"the picture {first[:16]} is in data/external already: a row of "):
        label_studio.apply(queue, path, "Ada")
    assert queue.get(second).state == "waiting"


def test_a_newer_decision_of_the_queue_stays_and_an_older_one_is_replaced(queue, tmp_path):
    first, second, _ = (item.sha256 for item in queue.items("waiting"))
    later = annotation("4", updated="2999-01-01T00:00:00Z")
    path = write(tmp_path, [task(first, annotation("4")), task(second, later)])
    for sha256 in (first, second):
        queue.decide(sha256, "9", "Bob")
    assert label_studio.apply(queue, path, "Ada") == {"kept": 1, "labelled": 1}
    assert [queue.get(sha256).label for sha256 in (first, second)] == ["9", "4"]


def test_a_picture_that_is_deleted_while_the_file_is_read_is_named(queue, tmp_path, monkeypatch):
    first, second, _ = (item.sha256 for item in queue.items("waiting"))
    read = label_studio.read

    def read_slowly(*arguments):
        found = read(*arguments)
        queue.remove([first])
        return found

    monkeypatch.setattr(label_studio, "read", read_slowly)
    with pytest.raises(UserError, match=f"the picture {first[:16]} is not in the queue"):
        label_studio.apply(queue, write(tmp_path, [task(second, annotation("4")), task(first, annotation("4"))]), "Ada")
    assert queue.get(second).state == "waiting"


def test_the_tasks_do_not_take_the_name_of_the_configuration(queue, tmp_path):
    with pytest.raises(UserError, match=r"tasks\.xml: the tasks are JSON; expected a name that ends in \.json"):
        label_studio.export(queue, tmp_path / "tasks.xml")
    assert not (tmp_path / "tasks.xml").exists()


@pytest.mark.parametrize("text, words", [("{", "is no JSON"), ("{}", "is no list of tasks"), ("[1]", "is no list of")])
def test_another_file_is_refused(queue, tmp_path, text, words):
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(UserError, match=words):
        label_studio.read(path, "Ada")
    with pytest.raises(UserError, match="can't be read: No such file"):
        label_studio.read(tmp_path / "missing.json", "Ada")
