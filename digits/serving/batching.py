"""What is computed where: tiny pictures on the event loop, those that came at once together; the rest in threads."""

import asyncio
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, NamedTuple, TypeVar

from digits.serving.problems import overloaded

CALLS = 32  # that are answered together: some milliseconds, in which the loop does nothing else

Item = TypeVar("Item")
Result = TypeVar("Result")


class BoundedThread:
    """One thread, and a bounded number of pictures that wait for it."""

    def __init__(self, name: str, max_waiting: int) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._max_waiting = max_waiting
        self.waiting = 0

    async def run(self, function: Callable[..., Result], *arguments: Any, pictures: int = 1) -> Result:
        """What the function returns for so many pictures. Raises a ProblemError, 503, where too many wait already."""
        return (await self.run_each(function, [arguments], pictures))[0]

    async def run_each(
        self, function: Callable[..., Result], calls: Iterable[Iterable[Any]], pictures: int = 1
    ) -> list[Result]:
        """What the function returns for each call's arguments; others take turns. Raises a ProblemError as `run`."""
        if self.waiting and self.waiting + pictures > self._max_waiting:
            raise overloaded(f"{self.waiting:,} pictures are waiting already")
        loop = asyncio.get_running_loop()
        self.waiting += pictures
        try:
            return [await loop.run_in_executor(self._executor, function, *arguments) for arguments in calls]
        finally:
            self.waiting -= pictures

    def close(self) -> None:
        """End the thread; what waits is not begun."""
        self._executor.shutdown(wait=False, cancel_futures=True)


class _Call(NamedTuple):
    key: Hashable
    items: Sequence[Any]
    answers: asyncio.Future[list[Any]]


class Batcher(Generic[Item, Result]):
    """Calls `answer(key, items)` on the event loop, once for all calls of one key that came in a turn of the loop.

    Pictures of one size take a third of the time together, and handing a single one to a thread takes longer than
    computing it.
    """

    def __init__(self, answer: Callable[[Any, list[Item]], list[Result]]) -> None:
        self._answer = answer
        self._calls: list[_Call] = []

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return len(self._calls)

    async def submit(self, key: Hashable, items: Sequence[Item]) -> list[Result]:
        """The answers to these items, computed with one value of `key`."""
        loop = asyncio.get_running_loop()
        if not self._calls:
            loop.call_soon(self._turn)
        call = _Call(key, items, loop.create_future())
        self._calls.append(call)
        return await call.answers

    def _turn(self) -> None:
        key = self._calls[0].key
        taken: list[_Call] = []
        left: list[_Call] = []
        for call in self._calls:
            (taken if call.key == key and len(taken) < CALLS else left).append(call)
        self._calls = left
        if self._calls:
            asyncio.get_running_loop().call_soon(self._turn)
        self._answer_together(key, taken)

    def _answer_together(self, key: Hashable, calls: list[_Call]) -> None:
        try:
            answers = iter(self._answer(key, [item for call in calls for item in call.items]))
        except Exception as error:
            if len(calls) == 1:
                _settle(calls[0], error)
            else:  # the error is that of one call alone
                for call in calls:
                    self._answer_together(key, [call])
            return
        for call in calls:
            _settle(call, [next(answers) for _ in call.items])


def _settle(call: _Call, result: list[Any] | Exception) -> None:
    if call.answers.done():  # its client has gone
        return
    if isinstance(result, Exception):
        call.answers.set_exception(result)
    else:
        call.answers.set_result(result)
