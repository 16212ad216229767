import asyncio
import random

import pytest

from messaging.delivery.outbox import MOST_BYTES, MOST_FRAMES, Outbox, SlowConsumer


class Wire:
    """A client that takes frames while `open` is set, and keeps them."""

    def __init__(self) -> None:
        self.taken: list[object] = []
        self.open = asyncio.Event()
        self.problems: list[Exception] = []
        self.written: list[bytes] = []

    def outbox(self, *, patience: float | None = None) -> Outbox:
        return Outbox(self.send, fail=self.problems.append, patience=patience)

    def outbox_that_writes(self, *, patience: float | None = None) -> Outbox:
        """On a server that takes a frame at once while `open` is set."""
        return Outbox(self.send, fail=self.problems.append, write=self.write, patience=patience)

    def write(self, frame: bytes) -> bool:
        if self.open.is_set():
            self.taken.append(frame.decode())
            self.written.append(frame)
        return self.open.is_set()

    async def send(self, message: dict[str, object]) -> None:
        await self.open.wait()
        self.taken.append(message["text"])


async def test_frames_are_taken_in_their_order() -> None:
    wire = Wire()
    wire.open.set()
    outbox = wire.outbox()

    for number in range(10):
        outbox.put(str(number).encode())
    await outbox.flushed()
    outbox.put(b"10")
    await outbox.flushed()

    assert wire.taken == [str(number) for number in range(11)]
    assert wire.problems == []


async def test_a_client_that_takes_nothing_is_slow_after_256_frames() -> None:
    outbox = Wire().outbox()
    for _ in range(MOST_FRAMES):
        outbox.put(b"{}")

    with pytest.raises(SlowConsumer):
        outbox.put(b"{}")
    outbox.stop()


async def test_or_after_a_mebibyte() -> None:
    outbox = Wire().outbox()
    outbox.put(b"x" * (MOST_BYTES - 1))

    with pytest.raises(SlowConsumer):
        outbox.put(b"xx")
    outbox.stop()


async def test_one_frame_larger_than_the_bound_still_goes_when_nothing_waits() -> None:
    outbox = Wire().outbox()

    outbox.put(b"x" * (MOST_BYTES + 1))

    with pytest.raises(SlowConsumer):
        outbox.put(b"x")
    outbox.stop()


async def test_or_when_one_send_takes_too_long() -> None:
    wire = Wire()
    outbox = wire.outbox(patience=0.05)

    outbox.put(b"{}")
    await outbox.flushed()

    assert [type(each) for each in wire.problems] == [SlowConsumer]
    assert wire.taken == []


async def test_what_the_transport_raises_is_told_once_and_ends_it() -> None:
    problems: list[Exception] = []
    written: list[object] = []

    async def gone(message: dict[str, object]) -> None:
        written.append(message["text"])
        raise OSError("the client is gone")

    outbox = Outbox(gone, fail=problems.append)
    outbox.put(b"a")
    outbox.put(b"b")
    await outbox.flushed()
    outbox.put(b"c")
    await outbox.flushed()

    assert [str(each) for each in problems] == ["the client is gone"]
    assert written == ["a"]


async def test_a_reader_waits_for_room_and_goes_on_when_there_is_some() -> None:
    wire = Wire()
    outbox = wire.outbox()
    for _ in range(MOST_FRAMES // 2):
        outbox.put(b"{}")
    waiting = [asyncio.create_task(outbox.room()) for _ in range(2)]
    await asyncio.sleep(0.02)
    was_waiting = not any(each.done() for each in waiting)

    # One stream is given up meanwhile; the other still gets its room.
    waiting[0].cancel()
    wire.open.set()
    await asyncio.wait_for(waiting[1], 1)
    await outbox.flushed()

    assert was_waiting


# --- on a server that takes a frame at once -------------------------------------------------------


async def test_what_is_taken_at_once_needs_no_task() -> None:
    wire = Wire()
    wire.open.set()
    tasks = len(asyncio.all_tasks())
    outbox = wire.outbox_that_writes()

    outbox.put(b"a")
    outbox.put("é".encode())

    assert (wire.taken, len(asyncio.all_tasks())) == (["a", "é"], tasks)


async def test_what_comes_while_others_wait_waits_behind_them() -> None:
    wire = Wire()
    wire.open.set()
    outbox = wire.outbox_that_writes()
    outbox.put(b"0")
    wire.open.clear()
    outbox.put(b"1")
    await asyncio.sleep(0)
    outbox.put(b"2")

    # There is room again, and it could be written at once, before the others.
    wire.open.set()
    outbox.put(b"3")
    await outbox.flushed()
    outbox.put(b"4")

    assert wire.taken == ["0", "1", "2", "3", "4"]
    assert wire.written == [b"0", b"4"]


async def test_order_holds_however_often_the_client_stops() -> None:
    wire = Wire()
    outbox = wire.outbox_that_writes()
    whims = random.Random(7)  # noqa: S311  # a client's moods

    for number in range(2000):
        if whims.random() < 0.2:
            wire.open.clear()
        elif whims.random() < 0.2 or number % 50 == 0:
            wire.open.set()
        outbox.put(str(number).encode())
        if whims.random() < 0.3:
            await asyncio.sleep(0)
    wire.open.set()
    await outbox.flushed()

    assert wire.taken == [str(number) for number in range(2000)]
    assert wire.written
    assert len(wire.written) < 2000


async def test_the_bounds_hold_there_too_once_the_client_stops() -> None:
    wire = Wire()
    wire.open.set()
    frames, large = wire.outbox_that_writes(), wire.outbox_that_writes()
    for _ in range(MOST_FRAMES * 2):
        frames.put(b"{}")
    wire.open.clear()

    for _ in range(MOST_FRAMES):
        frames.put(b"{}")
    large.put(b"x" * MOST_BYTES)

    for outbox in (frames, large):
        with pytest.raises(SlowConsumer):
            outbox.put(b"{}")
        outbox.stop()


async def test_a_reader_that_stops_is_slow_once_and_is_written_nothing_after_that() -> None:
    wire = Wire()
    wire.open.set()
    outbox = wire.outbox_that_writes(patience=0.05)
    outbox.put(b"a")
    wire.open.clear()
    outbox.put(b"b")
    await outbox.flushed()

    wire.open.set()
    outbox.put(b"c")
    await outbox.flushed()

    assert [type(each) for each in wire.problems] == [SlowConsumer]
    assert wire.taken == ["a"]


async def test_nothing_is_written_after_the_end() -> None:
    wire = Wire()
    wire.open.set()
    outbox = wire.outbox_that_writes()

    outbox.stop()
    outbox.put(b"a")
    await outbox.flushed()

    assert wire.taken == []
