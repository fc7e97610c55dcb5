"""What is computed together, and what happens to the others where one fails. Some milliseconds each."""

import asyncio
import threading

import pytest

from digits.serving.batching import CALLS, Batcher, BoundedThread
from digits.serving.problems import ProblemError


@pytest.fixture
def calls():
    """The calls of `double`, each with its key and items."""
    return []


@pytest.fixture
def batcher(calls):
    def double(key, items):
        calls.append((key, items))
        if "bad" in items:
            raise ZeroDivisionError
        return [2 * item for item in items]

    return Batcher(double)


def test_calls_of_one_key_are_answered_together_each_with_its_own(batcher, calls):
    async def ask():
        return await asyncio.gather(
            *(batcher.submit(key, items) for key, items in [("a", [1, 2]), ("b", [3]), ("a", [4])])
        )

    assert asyncio.run(ask()) == [[2, 4], [6], [8]]
    assert calls == [("a", [1, 2, 4]), ("b", [3])]
    assert batcher.waiting == 0


def test_no_more_than_a_number_of_calls_are_answered_together(batcher, calls):
    async def ask():
        return await asyncio.gather(*(batcher.submit("a", [number]) for number in range(2 * CALLS + 1)))

    assert asyncio.run(ask()) == [[2 * number] for number in range(2 * CALLS + 1)]
    assert [len(items) for _, items in calls] == [CALLS, CALLS, 1]


def test_an_error_is_that_of_its_own_call_alone(batcher):
    async def ask():
        found = await asyncio.gather(*(batcher.submit("a", [item]) for item in (1, "bad", 3)), return_exceptions=True)
        return [*found, await batcher.submit("a", [4])]

    first, error, *others = asyncio.run(ask())
    assert isinstance(error, ZeroDivisionError)
    assert [first, *others] == [[2], [6], [8]]


def test_a_call_whose_client_has_gone_disturbs_no_other(batcher):
    async def ask():
        gone, stays = (asyncio.ensure_future(batcher.submit("a", [number])) for number in (1, 2))
        await asyncio.sleep(0)
        gone.cancel()
        return await stays

    assert asyncio.run(ask()) == [4]


def test_a_lane_refuses_what_is_too_much_and_counts_what_waits():
    release = threading.Event()

    async def ask():
        lane = BoundedThread("test", 2)
        first, second = (asyncio.ensure_future(lane.run(release.wait)) for _ in range(2))
        await asyncio.sleep(0)
        assert lane.waiting == 2
        with pytest.raises(ProblemError, match="2 pictures are waiting already") as refused:
            await lane.run(release.wait)
        release.set()
        assert await first and await second
        assert lane.waiting == 0
        lane.close()
        return refused.value

    problem = asyncio.run(ask())
    assert (problem.status, problem.headers) == (503, {"Retry-After": "1"})


def test_a_lane_goes_on_after_an_error_and_after_a_client_that_has_gone():
    async def ask():
        lane, release = BoundedThread("test", 3), threading.Event()
        gone = asyncio.ensure_future(lane.run(release.wait))
        await asyncio.sleep(0)
        gone.cancel()
        release.set()
        with pytest.raises(ZeroDivisionError):
            await lane.run(divmod, 1, 0)
        assert await lane.run(divmod, 7, 2) == (3, 1)
        assert lane.waiting == 0
        lane.close()

    asyncio.run(ask())


def test_a_request_counts_with_all_of_its_pictures_but_may_come_alone():
    release = threading.Event()

    async def ask():
        lane = BoundedThread("test", 10)
        first = asyncio.ensure_future(lane.run(release.wait, pictures=20))
        await asyncio.sleep(0)
        with pytest.raises(ProblemError, match="20 pictures are waiting already"):
            await lane.run(release.wait)
        release.set()
        assert await first
        assert lane.waiting == 0
        lane.close()

    asyncio.run(ask())


def test_calls_of_two_requests_take_turns():
    order = []

    async def ask():
        lane = BoundedThread("test", 10)
        await asyncio.gather(*(lane.run_each(order.append, [(name,)] * 3) for name in "ab"))
        lane.close()

    asyncio.run(ask())
    assert order == ["a", "b"] * 3
