"""What is labelled of the queue, and the sentence on its progress."""

import pytest

from digits.feedback.labelling import format_progress, waiting
from digits.feedback.queue import Queue
from tests.feedback import REPORT, noise

REPORTS = {
    "certain": REPORT._replace(suggested="1", probability=0.9),
    "refused": REPORT._replace(suggested="1", accepted=False, reason="looks like no digit", probability=0.8),
    "disagreeing": REPORT._replace(suggested="7", probability=0.7),
}


@pytest.fixture
def queue(tmp_path) -> Queue:
    queue = Queue(tmp_path)
    for seed, (name, report) in enumerate(REPORTS.items()):
        queue.add(noise(seed), report._replace(request_ids=(name,)))
    return queue


@pytest.mark.parametrize(
    "only, expected",
    [(None, ["disagreeing", "refused", "certain"]), ("refused", ["refused"]), ("disagreeing", ["disagreeing"])],
)
def test_a_selection_has_the_order_of_the_queue(queue, only, expected):
    assert [item.request_ids[0] for item in waiting(queue, only)] == expected


def test_the_progress_names_the_next_command_once_something_is_labelled(queue):
    first, second, _ = (item.sha256 for item in waiting(queue))
    assert format_progress(queue) == "0 labelled, 0 dropped, 3 waiting"
    queue.decide(first, "drop", "Ada")
    queue.decide(second, "5", "Ada")
    assert format_progress(queue) == "1 labelled, 1 dropped, 1 waiting; next: `digits data add-labelled`"
