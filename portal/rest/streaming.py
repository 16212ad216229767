"""An answer that is longer than is held in memory, sent as it is read."""

from collections.abc import AsyncIterator, Iterable, Iterator

from channels.db import database_sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

_PIECE = 64 * 1024


def streamed(
    request: HttpRequest, lines: Iterable[bytes], *, name: str, content_type: str
) -> StreamingHttpResponse:
    """The lines as a file of that name. Whoever makes them opens a block for a few at a time, and yields in none."""
    pieces = _pieces(lines)
    body = _asynchronously(pieces) if isinstance(request, ASGIRequest) else pieces
    return StreamingHttpResponse(
        body,
        content_type=content_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "private, no-store",
        },
    )


def _pieces(lines: Iterable[bytes]) -> Iterator[bytes]:
    held: list[bytes] = []
    size = 0
    for each in lines:
        held.append(each)
        size += len(each)
        if size >= _PIECE:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


async def _asynchronously(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    # Django would read a plain iterator to its end before it sends anything.
    following = database_sync_to_async(lambda: next(pieces, None))
    while (piece := await following()) is not None:
        yield piece
