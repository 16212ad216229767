"""Reaching `*.localhost`, which Python does not resolve, and asking again while a process is being replaced."""

import asyncio
import time
from typing import Any

import httpx

PATIENCE_SECONDS = 120.0
_PAUSE_SECONDS = 0.3
_NOT_NOW = {409, 429, 502, 503, 504}


class GaveUp(Exception):
    """Nobody answered for as long as we were ready to wait."""


class Loopback(httpx.AsyncBaseTransport):
    """Every host is this machine; the Host header says which one was meant."""

    def __init__(self) -> None:
        # Shorter than servers keep an idle connection, so that we never speak into one that closes.
        limits = httpx.Limits(max_connections=100, keepalive_expiry=2)
        self._inner = httpx.AsyncHTTPTransport(limits=limits)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        dialled = httpx.Request(
            request.method,
            request.url.copy_with(host="127.0.0.1"),
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )
        return await self._inner.handle_async_request(dialled)

    async def aclose(self) -> None:
        """Shared by many clients: closed by whoever made it, with `close`."""

    async def close(self) -> None:
        await self._inner.aclose()


def browser(loopback: Loopback) -> httpx.AsyncClient:
    """A client with cookies of its own."""
    return httpx.AsyncClient(transport=loopback, timeout=30, trust_env=False)


async def patiently(
    client: httpx.AsyncClient, method: str, url: str, **options: Any
) -> httpx.Response:
    """Ask until there is an answer that is one. Raises GaveUp, and HTTPStatusError for a refusal.

    For what may be asked twice: reading, and writing under an idempotency key.
    """
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        pause = _PAUSE_SECONDS
        try:
            answer = await client.request(method, url, **options)
            if (
                answer.status_code not in _NOT_NOW
                and answer.status_code != httpx.codes.INTERNAL_SERVER_ERROR
            ):
                return answer.raise_for_status()
            pause = max(pause, float(answer.headers.get("Retry-After", 0)))
            trouble = f"{answer.status_code}"
        except httpx.TransportError as problem:
            trouble = type(problem).__name__
        if time.monotonic() + pause > give_up:
            raise GaveUp(f"{method} {url}: {trouble}")
        await asyncio.sleep(pause)
