"""What one sandbox bank is told by its environment, checked before anything starts."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from partners.sandbox.profiles import PROFILES, BankProfile

_REPOSITORY = Path(__file__).resolve().parents[2]
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")


class SettingsError(Exception):
    """The environment is wrong; the text names every variable to mend."""


@dataclass(frozen=True)
class ClientSettings:
    """The one program that the bank knows from its environment."""

    client_id: str
    name: str
    client_secret: str
    redirect_uri: str


@dataclass(frozen=True)
class Settings:
    """One bank's settings; `VARIABLES` says what each variable means."""

    profile: BankProfile
    host: str
    port: int
    origin: str
    database_url: str
    database_wait_seconds: int
    seed: int
    customers: int
    history_until: dt.date | None
    book_after_seconds: int
    receipt_after_seconds: int
    parcel_step_seconds: int
    access_token_seconds: int
    portal_origin: str
    portal_base_origin: str
    notify_url: str | None
    notify_host: str | None
    client: ClientSettings | None
    design_dir: Path

    @property
    def schema(self) -> str:
        """The bank's own schema, so that several banks may share one database."""
        return f"sandbox_{self.profile.slug}"

    @property
    def hosts(self) -> list[str]:
        """Host names that the bank answers to; anything else is refused (DNS rebinding)."""
        own = urlsplit(self.origin).hostname or ""
        return [own, "127.0.0.1", "localhost"]


VARIABLES: dict[str, tuple[str | None, str]] = {
    "SANDBOX_SLUG": (None, f"which bank: {', '.join(PROFILES)}"),
    "SANDBOX_PORT": (None, "port to listen on"),
    "SANDBOX_HOST": ("127.0.0.1", "address to listen on"),
    "SANDBOX_ORIGIN": ("", "the bank's public origin; empty: http://<slug>-bank.localhost:<port>"),
    "SANDBOX_DATABASE_URL": (None, "PostgreSQL 18 or later; the bank makes its own schema there"),
    "SANDBOX_DATABASE_WAIT_SECONDS": ("30", "how long to wait for the database at start"),
    "SANDBOX_SEED": ("1", "whole number from which customers and history are invented"),
    "SANDBOX_CUSTOMERS": ("30", "how many customers (1 to 500)"),
    "SANDBOX_HISTORY_UNTIL": ("", "last day of the invented year (YYYY-MM-DD); empty: today"),
    "SANDBOX_BOOK_AFTER_SECONDS": ("90", "how long a card purchase stays pending"),
    "SANDBOX_RECEIPT_AFTER_SECONDS": ("20", "how long after the purchase a late receipt comes"),
    "SANDBOX_PARCEL_STEP_SECONDS": ("60", "how long a parcel stays at each stop of its way"),
    "SANDBOX_ACCESS_TOKEN_SECONDS": ("600", "life of an access token"),
    "SANDBOX_PORTAL_ORIGIN": (
        "http://chat.portal.localhost:8000",
        "origin of the chat, which serves the widget's loader",
    ),
    "SANDBOX_PORTAL_BASE_ORIGIN": ("", "origin that may frame /phone; empty: without `chat.`"),
    "SANDBOX_NOTIFY_URL": ("", "where events are pushed; empty: nowhere"),
    "SANDBOX_NOTIFY_HOST": ("", "Host header to send there; empty: the URL's own"),
    "SANDBOX_CLIENT_SECRET": ("", "secret of a client to register at start; empty: none"),
    "SANDBOX_CLIENT_ID": ("portal", "its id"),
    "SANDBOX_CLIENT_NAME": ("", "what customers read it as; empty: its host"),
    "SANDBOX_REDIRECT_URI": ("", "its redirect address; empty: <portal origin>/link/callback"),
    "SANDBOX_DESIGN_DIR": ("", "folder served at /design/; empty: the portal's own"),
}


class _Reader:
    """Reads variables and gathers every complaint instead of stopping at the first."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.complaints: list[str] = []

    def text(self, name: str) -> str:
        default = VARIABLES[name][0]
        value = self._environ.get(name, "").strip() or default
        if value is None:
            self.complaints.append(f"{name} is not set ({VARIABLES[name][1]})")
            return ""
        return value

    def number(self, name: str, *, least: int, most: int) -> int:
        text = self.text(name)
        if not re.fullmatch(r"-?[0-9]{1,18}", text) or not least <= int(text) <= most:
            if text:
                self.complaints.append(f"{name} must be a whole number from {least} to {most}")
            return least
        return int(text)

    def origin(self, name: str, *, default: str) -> str:
        value = self.text(name) or default
        if not _ORIGIN.fullmatch(value):
            self.complaints.append(f"{name} must be an origin such as http://bank.localhost:8101")
        return value

    def day(self, name: str) -> dt.date | None:
        text = self.text(name)
        if not text:
            return None
        try:
            return dt.date.fromisoformat(text)
        except ValueError:
            self.complaints.append(f"{name} must be a date such as 2026-01-31")
            return None


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Settings from the environment; raises SettingsError naming all that is wrong."""
    read = _Reader(environ)
    slug = read.text("SANDBOX_SLUG")
    profile = PROFILES.get(slug)
    if profile is None and slug:
        read.complaints.append(f"SANDBOX_SLUG must be one of {', '.join(PROFILES)}")
    port = read.number("SANDBOX_PORT", least=1, most=65535)
    portal_origin = read.origin("SANDBOX_PORTAL_ORIGIN", default="")
    client = _client(read, portal_origin)
    notify_url = read.text("SANDBOX_NOTIFY_URL")
    if notify_url and not re.match(r"https?://[^/\s]+/", notify_url):
        read.complaints.append("SANDBOX_NOTIFY_URL must be a full http(s) address with a path")
    settings = Settings(
        profile=profile or next(iter(PROFILES.values())),
        host=read.text("SANDBOX_HOST"),
        port=port,
        origin=read.origin("SANDBOX_ORIGIN", default=f"http://{slug}-bank.localhost:{port}"),
        database_url=read.text("SANDBOX_DATABASE_URL"),
        database_wait_seconds=read.number("SANDBOX_DATABASE_WAIT_SECONDS", least=0, most=600),
        seed=read.number("SANDBOX_SEED", least=-(2**62), most=2**62),
        customers=read.number("SANDBOX_CUSTOMERS", least=1, most=500),
        history_until=read.day("SANDBOX_HISTORY_UNTIL"),
        book_after_seconds=read.number("SANDBOX_BOOK_AFTER_SECONDS", least=0, most=864_000),
        receipt_after_seconds=read.number("SANDBOX_RECEIPT_AFTER_SECONDS", least=0, most=864_000),
        parcel_step_seconds=read.number("SANDBOX_PARCEL_STEP_SECONDS", least=0, most=864_000),
        access_token_seconds=read.number("SANDBOX_ACCESS_TOKEN_SECONDS", least=1, most=86_400),
        portal_origin=portal_origin,
        portal_base_origin=read.origin(
            "SANDBOX_PORTAL_BASE_ORIGIN", default=portal_origin.replace("://chat.", "://", 1)
        ),
        notify_url=notify_url or None,
        notify_host=read.text("SANDBOX_NOTIFY_HOST") or None,
        client=client,
        design_dir=Path(
            read.text("SANDBOX_DESIGN_DIR") or _REPOSITORY / "portal/design/static/design"
        ),
    )
    if read.complaints:
        raise SettingsError("; ".join(read.complaints))
    return settings


def _client(read: _Reader, portal_origin: str) -> ClientSettings | None:
    secret = read.text("SANDBOX_CLIENT_SECRET")
    if not secret:
        return None
    redirect_uri = read.text("SANDBOX_REDIRECT_URI") or f"{portal_origin}/link/callback"
    return ClientSettings(
        client_id=read.text("SANDBOX_CLIENT_ID"),
        name=read.text("SANDBOX_CLIENT_NAME"),
        client_secret=secret,
        redirect_uri=redirect_uri,
    )
