"""Proving who we are to a bank by keys: an assertion in the form, a certificate in the handshake.

A connector says where it must be proven, and does no such thing itself: what it asks passes here.
"""

import ssl
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from secrets import token_urlsafe
from typing import Any, TypeVar, cast
from urllib.parse import urlencode
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from partners.connectors.base import Connector, Request, Steps
from partners.integrations.rules import read_private_key

T = TypeVar("T")
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_GOOD_FOR_SECONDS = 60
# It asks nothing.
_READS_ALONE = "read_notification"


@dataclass(frozen=True, slots=True)
class ClientKeys:
    """Our key at one bank, and the certificate that goes with it where there is one."""

    client_id: str
    private_key: str = field(repr=False)
    certificate: str = field(default="", repr=False)
    key_id: str = ""


@dataclass(frozen=True, slots=True)
class ProvenRequest(Request):
    """A request on a line that our certificate is shown on."""

    keys: ClientKeys | None = None


def with_keys(connector: Connector, keys: ClientKeys) -> Connector:
    """The same connector; all that it asks is proven by these keys."""
    return cast(Connector, _Proving(connector, keys))


class _Proving:
    def __init__(self, connector: Connector, keys: ClientKeys) -> None:
        self._connector = connector
        self._keys = keys

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._connector, name)
        if name == _READS_ALONE or not callable(operation):
            return operation
        return _proven(operation, self._keys)


def _proven(operation: Callable[..., Steps[T]], keys: ClientKeys) -> Callable[..., Steps[T]]:
    def asked(**arguments: Any) -> Steps[T]:
        steps = operation(**arguments)
        try:
            request = next(steps)
            while True:
                request = steps.send((yield prove(request, keys)))
        except StopIteration as end:
            result: T = end.value
            return result

    return asked


def prove(request: Request, keys: ClientKeys) -> ProvenRequest:
    """The request with what it wants to be signed, and on which line it goes."""
    said = {each.name: getattr(request, each.name) for each in fields(Request)}
    if request.assert_to:
        signed = {
            "client_assertion_type": _ASSERTION,
            "client_assertion": _assertion(request.assert_to, keys),
        }
        said["body"] = request.body + b"&" + urlencode(signed).encode()
    return ProvenRequest(**said, keys=keys if keys.certificate else None)


def _assertion(audience: str, keys: ClientKeys) -> str:
    """RFC 7523 section 3: short, for that endpoint alone, and once."""
    signing = read_private_key(keys.private_key)
    at = int(time.time())
    claims = {
        "iss": keys.client_id,
        "sub": keys.client_id,
        "aud": audience,
        "iat": at,
        "exp": at + _GOOD_FOR_SECONDS,
        "jti": str(uuid4()),
    }
    headers = {"kid": keys.key_id} if keys.key_id else {}
    return jwt.encode(claims, signing.key, algorithm=signing.algorithm, headers=headers)


def show_certificate(context: ssl.SSLContext, keys: ClientKeys) -> None:
    """Have a TLS context show our certificate. The library reads files alone: the key in it is sealed anew."""
    password = token_urlsafe(32).encode()
    sealed = read_private_key(keys.private_key).key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password)
    )
    with tempfile.TemporaryDirectory() as folder:
        pair = Path(folder) / "pair.pem"
        pair.touch(mode=0o600)
        pair.write_bytes(keys.certificate.encode().strip() + b"\n" + sealed)
        context.load_cert_chain(pair, password=password)
