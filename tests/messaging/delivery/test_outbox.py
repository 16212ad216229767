import asyncio

import pytest

from messaging.delivery.outbox import MOST_BYTES, MOST_FRAMES, Outbox, SlowConsumer


class Wire:
    """A client that takes frames while `open` is set, and keeps them."""

    def __init__(self) -> None:
        self.taken: list[object] = []
        self.open = asyncio.Event()
        self.problems: list[Exception] = []

    def outbox(self, *, patience: float | None = None) -> Outbox:
        return Outbox(self.send, fail=self.problems.append, patience=patience)

    async def send(self, message: dict[str, object]) -> None:
        await self.open.wait()
        self.taken.append(message["text"])


async def test_frames_are_taken_in_their_order() -> None:
    wire = Wire()
    wire.open.set()
    outbox = wire.outbox()

    for number in range(10):
        outbox.put(str(number))
    await outbox.flushed()
    outbox.put("10")
    await outbox.flushed()

    assert wire.taken == [str(number) for number in range(11)]
    assert wire.problems == []


async def test_a_client_that_takes_nothing_is_slow_after_256_frames() -> None:
    outbox = Wire().outbox()
    for _ in range(MOST_FRAMES):
        outbox.put("{}")

    with pytest.raises(SlowConsumer):
        outbox.put("{}")
    outbox.stop()


async def test_or_after_a_mebibyte() -> None:
    outbox = Wire().outbox()
    outbox.put("x" * (MOST_BYTES - 1))

    with pytest.raises(SlowConsumer):
        outbox.put("xx")
    outbox.stop()


async def test_one_frame_larger_than_the_bound_still_goes_when_nothing_waits() -> None:
    outbox = Wire().outbox()

    outbox.put("x" * (MOST_BYTES + 1))

    with pytest.raises(SlowConsumer):
        outbox.put("x")
    outbox.stop()


async def test_or_when_one_send_takes_too_long() -> None:
    wire = Wire()
    outbox = wire.outbox(patience=0.05)

    outbox.put("{}")
    await outbox.flushed()

    assert [type(each) for each in wire.problems] == [SlowConsumer]
    assert wire.taken == []


async def test_what_the_transport_raises_is_told_once_and_ends_it() -> None:
    problems: list[Exception] = []

    async def gone(_message: dict[str, object]) -> None:
        raise OSError("the client is gone")

    outbox = Outbox(gone, fail=problems.append)
    outbox.put("a")
    outbox.put("b")
    await outbox.flushed()

    assert [str(each) for each in problems] == ["the client is gone"]


async def test_a_reader_waits_for_room_and_goes_on_when_there_is_some() -> None:
    wire = Wire()
    outbox = wire.outbox()
    for _ in range(MOST_FRAMES // 2):
        outbox.put("{}")
    waiting = [asyncio.create_task(outbox.room()) for _ in range(2)]
    await asyncio.sleep(0.02)
    was_waiting = not any(each.done() for each in waiting)

    # One stream is given up meanwhile; the other still gets its room.
    waiting[0].cancel()
    wire.open.set()
    await asyncio.wait_for(waiting[1], 1)
    await outbox.flushed()

    assert was_waiting
