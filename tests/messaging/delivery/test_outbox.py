import asyncio

import pytest

from messaging.delivery.outbox import MOST_BYTES, MOST_FRAMES, Outbox, SlowConsumer


class Wire:
    """A client that takes frames while `open` is set, and keeps them."""

    def __init__(self) -> None:
        self.taken: list[object] = []
        self.open = asyncio.Event()

    async def send(self, message: dict[str, object]) -> None:
        await self.open.wait()
        self.taken.append(message["text"])


async def test_frames_are_taken_in_their_order() -> None:
    wire = Wire()
    wire.open.set()
    outbox = Outbox(wire.send)
    writer = asyncio.create_task(outbox.write())

    for number in range(10):
        outbox.put(str(number))
    await outbox.flushed()
    writer.cancel()

    assert wire.taken == [str(number) for number in range(10)]


async def test_a_client_that_takes_nothing_is_slow_after_256_frames() -> None:
    outbox = Outbox(Wire().send)
    for _ in range(MOST_FRAMES):
        outbox.put("{}")

    with pytest.raises(SlowConsumer):
        outbox.put("{}")


async def test_or_after_a_mebibyte() -> None:
    outbox = Outbox(Wire().send)
    outbox.put("x" * (MOST_BYTES - 1))

    with pytest.raises(SlowConsumer):
        outbox.put("xx")


async def test_one_frame_larger_than_the_bound_still_goes_when_nothing_waits() -> None:
    outbox = Outbox(Wire().send)

    outbox.put("x" * (MOST_BYTES + 1))

    with pytest.raises(SlowConsumer):
        outbox.put("x")


async def test_or_when_one_send_takes_too_long() -> None:
    outbox = Outbox(Wire().send, patience=0.05)
    outbox.put("{}")

    with pytest.raises(SlowConsumer):
        await outbox.write()


async def test_a_reader_waits_for_room_and_goes_on_when_there_is_some() -> None:
    wire = Wire()
    outbox = Outbox(wire.send)
    for _ in range(MOST_FRAMES // 2):
        outbox.put("{}")
    writer = asyncio.create_task(outbox.write())
    waiting = asyncio.create_task(outbox.room())
    await asyncio.sleep(0.02)
    was_waiting = not waiting.done()

    wire.open.set()
    await asyncio.wait_for(waiting, 1)
    writer.cancel()

    assert was_waiting
