"""A browser and its push service, as the RFCs describe them: what arrives is verified and decrypted here,
by code that shares nothing with what sent it.
"""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CURVE = ec.SECP256R1()


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


def mac(key: bytes, data: bytes) -> bytes:
    made = hmac.HMAC(key, hashes.SHA256())
    made.update(data)
    return made.finalize()


@dataclass
class Browser:
    """One browser: its keys, and what its screen shows, by tag."""

    endpoint: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(CURVE))
    auth: bytes = b"sixteen bytes ok"
    screen: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def point(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @property
    def fields(self) -> dict[str, str]:
        """What the page's script sends of it."""
        return {"endpoint": self.endpoint, "p256dh": b64(self.point), "auth": b64(self.auth)}

    def show(self, body: bytes) -> None:
        said = json.loads(self.decrypt(body))
        self.screen[said["tag"]] = said

    def decrypt(self, body: bytes) -> bytes:
        """RFC 8291, section 3.4, read from the receiver's side."""
        salt, size = body[:16], int.from_bytes(body[16:20], "big")
        length = body[20]
        sender, sealed = body[21 : 21 + length], body[21 + length :]
        assert len(sealed) <= size
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, sender)
        shared = self.key.exchange(ec.ECDH(), theirs)
        info = b"WebPush: info\0" + self.point + sender + b"\1"
        material = mac(mac(self.auth, shared), info)
        pseudo = mac(salt, material)
        key = mac(pseudo, b"Content-Encoding: aes128gcm\0\1")[:16]
        nonce = mac(pseudo, b"Content-Encoding: nonce\0\1")[:12]
        padded = AESGCM(key).decrypt(nonce, sealed, None)
        plain, delimiter = padded.rstrip(b"\0")[:-1], padded.rstrip(b"\0")[-1:]
        assert delimiter == b"\2"
        return plain


@dataclass
class PushService:
    """Takes messages for its browsers, and says no where it is told to."""

    origin: str
    vapid: str = ""
    browsers: dict[str, Browser] = field(default_factory=dict)
    answers: list[int] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)

    def browser(self) -> Browser:
        made = Browser(f"{self.origin}/push/{len(self.browsers)}?id=x")
        self.browsers[made.endpoint] = made
        return made

    def take(self, path: str, headers: Any, body: bytes) -> int:
        self.requests.append(dict(headers.items()))
        if self.answers:
            status = self.answers.pop(0)
            if status != 201:
                return status
        browser = self.browsers.get(self.origin + path)
        if browser is None:
            return 404
        if not self.is_signed(headers["Authorization"]):
            return 403
        if headers["Content-Encoding"] != "aes128gcm" or not headers["TTL"].isdecimal():
            return 400
        browser.show(body)
        return 201

    def is_signed(self, authorization: str) -> bool:
        """RFC 8292, section 4."""
        scheme, _space, rest = authorization.partition(" ")
        parts = dict(each.strip().split("=", 1) for each in rest.split(","))
        if scheme != "vapid" or parts["k"] != self.vapid:
            return False
        key = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, unb64(parts["k"]))
        claims = jwt.decode(parts["t"], key, algorithms=["ES256"], audience=self.origin)
        assert claims["sub"].startswith("mailto:")
        assert claims["exp"] - time.time() <= 86_400
        return True


@contextmanager
def push_service() -> Iterator[PushService]:
    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(service.take(self.path, self.headers, body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_given: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    service = PushService(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
