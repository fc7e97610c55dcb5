"""The queue as tasks of Label Studio, and Label Studio's annotations as decisions on the queue.

Formats: https://labelstud.io/guide/tasks (tasks), https://labelstud.io/guide/predictions (predictions),
https://labelstud.io/guide/export (JSON and JSON-MIN).
"""

import base64
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from digits.data.corrections import DROP
from digits.data.dataset import LABELS
from digits.errors import UserError, printable
from digits.feedback.items import ADDED, Item
from digits.feedback.labelling import waiting
from digits.feedback.queue import Decision, Queue
from digits.feedback.rows import time_text
from digits.files import atomic_write
from digits.paths import CORRECTIONS, EXTERNAL

CONTROL, OBJECT = "digit", "image"  # the names of the tags in CONFIG
DROP_CHOICE = "no digit"  # the choice for what is dropped
_CHOICES = {**{str(label): str(label) for label in LABELS}, DROP_CHOICE: DROP}
CONFIG = "\n".join(
    [
        "<View>",
        f'  <Image name="{OBJECT}" value="$image"/>',
        '  <Header value="$answer"/>',
        f'  <Choices name="{CONTROL}" toName="{OBJECT}" choice="single-radio" showInLine="true">',
        *(f'    <Choice value="{label}" hotkey="{label}"/>' for label in LABELS),
        f'    <Choice value="{DROP_CHOICE}" hotkey="d"/>',
        "  </Choices>",
        "</View>\n",
    ]
)


def export(queue: Queue, path: Path) -> int:
    """Write the waiting pictures to `path` as tasks, least certain first; returns how many.

    A task contains its picture, so that Label Studio needs no other file and no server. `meta` has the ids. Raises
    UserError where `path` is no `.json`: the labelling configuration is next to it, as `.xml`.
    """
    if path.suffix.lower() != ".json":
        raise UserError(f"{printable(path)}: the tasks are JSON; expected a name that ends in .json")
    count = 0
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write("[")
        for item in waiting(queue):
            try:
                picture = queue.picture(item.sha256)
            except KeyError:  # deleted meanwhile
                continue
            file.write(",\n" if count else "\n")
            json.dump(_task(item, picture), file)
            count += 1
        file.write("\n]\n")
    return count


def write_config(path: Path) -> None:
    """Write the labelling configuration that the tasks need."""
    with atomic_write(path) as temporary:
        temporary.write_text(CONFIG, encoding="utf-8")


def read(path: Path, who: str) -> dict[str, Decision]:
    """The decisions of an export of Label Studio, JSON or JSON-MIN, by the SHA-256 of the picture.

    Of several annotations of a picture the last one counts; skipped ones count for nothing. Raises UserError naming the
    task of what is wrong.
    """
    found: dict[str, Decision] = {}
    for task in _tasks(path):
        data = task.get("data", task)  # of JSON-MIN, the data are in the task itself
        sha256 = data.get("sha256") if isinstance(data, dict) else None
        if not isinstance(sha256, str):
            raise _error(path, task, "it has no data.sha256; expected a task that `digits feedback export` wrote")
        for time, choice in _annotations(path, task):
            if not isinstance(choice, str) or choice not in _CHOICES:
                raise _error(path, task, f"its choice is {choice!r}; expected one of {', '.join(_CHOICES)}")
            if sha256 not in found or found[sha256].when <= time:
                found[sha256] = Decision(_CHOICES[choice], who, time)
    return found


def apply(queue: Queue, path: Path, who: str) -> Counter[str]:
    """Decide on the pictures of an export of Label Studio as it says: on all or, with UserError, on none.

    Returns how many were "labelled" and "dropped"; "unchanged", as they had that label before; and "kept", as the queue
    has a newer decision than the file.
    """
    decisions = read(path, who)
    effects: Counter[str] = Counter()

    def choose(items: Mapping[str, Item]) -> dict[str, Decision]:
        _check(items, decisions, path)
        new = {}
        for sha256, decision in decisions.items():
            effect = _effect(items[sha256], decision)
            effects[effect] += 1
            if effect in ("labelled", "dropped"):
                new[sha256] = decision
        return new

    queue.decide_all(choose)
    return effects


def _effect(item: Item, decision: Decision) -> str:
    if item.label == decision.label:
        return "unchanged"
    if item.decided is not None and item.decided > decision.when:
        return "kept"
    return "dropped" if decision.label == DROP else "labelled"


def _check(items: Mapping[str, Item], sha256s: Iterable[str], path: Path) -> None:
    """Raise UserError naming the pictures that the queue does not have, or that have been added to the data."""
    errors = [
        f"{printable(path)}: the picture {printable(sha256[:16])} is not in the queue: it was deleted, or is of "
        "another project; remove its task from the file"
        for sha256 in sha256s
        if sha256 not in items
    ]
    errors += [
        f"{printable(path)}: the picture {sha256[:16]} is in {EXTERNAL} already: a row of {CORRECTIONS} corrects it; "
        "remove its task from the file"
        for sha256 in sha256s
        if sha256 in items and items[sha256].state == ADDED
    ]
    if errors:
        raise UserError("\n".join(errors))


def _task(item: Item, picture: bytes) -> dict[str, Any]:
    task = {
        "data": {
            "image": f"data:image/png;base64,{base64.b64encode(picture).decode()}",
            "sha256": item.sha256,
            "answer": _describe(item),
        },
        "meta": {"sha256": item.sha256, "request_ids": list(item.request_ids), "version": item.version},
    }
    if item.predicted is not None:
        choice = {"choices": [str(item.predicted)]}
        result = {"id": "answer", "from_name": CONTROL, "to_name": OBJECT, "type": "choices", "value": choice}
        task["predictions"] = [{"model_version": item.version, "score": item.probability, "result": [result]}]
    return task


def _describe(item: Item) -> str:
    """The service's answer and what people say, in words."""
    answer = "no digit" if item.predicted is None else f"{item.predicted} ({item.probability:.1%})"
    refused = "" if item.accepted else f", refused: {item.reason}"
    suggested = "the answer is wrong" if item.suggested is None else item.suggested
    return f"The model: {answer}{refused}. People say: {suggested}."


def _tasks(path: Path) -> Iterator[dict[str, Any]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{printable(path)} can't be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{printable(path)} is no JSON: {error}; expected Label Studio's export as JSON") from None
    if not isinstance(content, list) or not all(isinstance(task, dict) for task in content):
        raise UserError(f"{printable(path)} is no list of tasks; expected Label Studio's export as JSON or JSON-MIN")
    yield from content


def _annotations(path: Path, task: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """The time and the choice of each annotation of a task that was not skipped."""
    if "data" not in task:  # JSON-MIN: a row for each annotation, without a choice where it has none
        if CONTROL in task:
            yield _time(task), task[CONTROL]
        return
    try:
        for annotation in task.get("annotations", []):
            if annotation.get("was_cancelled"):
                continue
            for result in annotation["result"]:
                if result["from_name"] == CONTROL:
                    (choice,) = result["value"]["choices"]
                    yield _time(annotation), choice
    except (AttributeError, KeyError, TypeError, ValueError):
        raise _error(path, task, f"an annotation is not a single choice of {CONTROL!r}") from None


def _time(annotation: dict[str, Any]) -> str:
    """When it was changed last, in ISO 8601, UTC, to the second; now where the file does not say it."""
    text = str(annotation.get("updated_at") or annotation.get("created_at") or "")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return time_text()
    return time_text(moment.astimezone(UTC) if moment.tzinfo else moment)


def _error(path: Path, task: dict[str, Any], words: str) -> UserError:
    return UserError(f"{printable(path)}: task {printable(str(task.get('id', '?')))}: {words}")
