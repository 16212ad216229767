"""The levers of a test bank, as docs/for-banks.md describes them: they stand for the customer's own hands."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import httpx

from partners.integrations.runner import dialled

_TIMEOUT_SECONDS = 15


class NoLever(Exception):
    """The bank has no such lever, or it does not work."""


@dataclass(frozen=True)
class Levers:
    """`<bank>/_control/...`: JSON over HTTP, reached without being written down in the report."""

    base_url: str

    def pull(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        """Pull one; raises NoLever."""
        answer = self.try_to(method, path, **body)
        if not answer.is_success:
            raise NoLever(f"the lever {path} answered {answer.status_code}")
        try:
            found = answer.json()
        except ValueError:
            raise NoLever(f"the lever {path} did not answer with JSON") from None
        if not isinstance(found, dict):
            raise NoLever(f"the lever {path} did not answer with a JSON object")
        return found

    def try_to(self, method: str, path: str, **body: Any) -> httpx.Response:
        """Pull one that may be refused."""
        url, host = dialled(f"{self.base_url.rstrip('/')}/_control/{path}")
        headers = {"Host": host, "Content-Type": "application/json"}
        content = json.dumps(body).encode() if body else b""
        try:
            return httpx.request(
                method,
                url,
                headers=headers,
                content=content,
                timeout=_TIMEOUT_SECONDS,
                trust_env=False,
            )
        except httpx.HTTPError as problem:
            raise NoLever(f"the lever {path} did not answer: {type(problem).__name__}") from None
