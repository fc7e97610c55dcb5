"""What a connection writes in one turn of the event loop is sent together. Some ms."""

import asyncio

import pytest

from digits.serving.joined_writes import MAX_HELD_BYTES, JoinedWrites


class Recorder(asyncio.Transport):
    """A transport that keeps what it is asked to do, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[object] = []

    def write(self, data) -> None:
        self.calls.append(bytes(data))

    def close(self) -> None:
        self.calls.append("close")

    def abort(self) -> None:
        self.calls.append("abort")


def calls(*steps: str | bytes) -> list[object]:
    """What the transport is asked to do for these steps, of which "turn" lets the event loop go on."""

    async def run() -> list[object]:
        recorder = Recorder()
        joined = JoinedWrites(recorder, asyncio.get_running_loop())
        for step in steps:
            if isinstance(step, bytes):
                joined.write(step)
            elif step == "turn":
                await asyncio.sleep(0)
            else:
                getattr(joined, step)()
        await asyncio.sleep(0)
        return recorder.calls

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([b"head ", b"body"], [b"head body"]),
        ([b"head ", "turn", b"body"], [b"head ", b"body"]),
        ([b"head ", b"body", "close"], [b"head body", "close"]),
        ([b"head ", "abort"], ["abort"]),
        ([b"head ", b"x" * MAX_HELD_BYTES, b"more"], [b"head " + b"x" * MAX_HELD_BYTES, b"more"]),
        (["close"], ["close"]),
        ([], []),
    ],
)
def test_the_writes_of_a_turn_are_one(steps, expected):
    assert calls(*steps) == expected
