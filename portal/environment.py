"""What the processes are told from outside: environment variables, or what `make run` left for them."""

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parent.parent
SECRET_LENGTH = 50
MODES = ("development", "test", "production")
_P256_KEY = re.compile(r"[A-Za-z0-9_-]{43}")


def read_environment() -> dict[str, str]:
    """The environment; in development, what `make run` wrote into its state folder fills the gaps."""
    given = dict(os.environ)
    given.setdefault("PORTAL_MODE", "development")
    given.setdefault("PORTAL_STATE", str(ROOT / ".portal"))
    if given["PORTAL_MODE"] not in MODES:
        raise ImproperlyConfigured(f"PORTAL_MODE is one of {', '.join(MODES)}")
    left = Path(given["PORTAL_STATE"]) / "env"
    if given["PORTAL_MODE"] == "development" and left.exists():
        for line in left.read_text().splitlines():
            name, equals, value = line.partition("=")
            if equals and not name.startswith("#"):
                given.setdefault(name.strip(), value.strip())
    return given


class Environment:
    """Reads named values, and remembers what is missing so that all of it is said at once."""

    def __init__(self, given: dict[str, str]) -> None:
        self.given = given
        self.missing: list[str] = []

    def text(self, name: str, default: str | None = None) -> str:
        value = self.given.get(name, "") or default
        if value is None:
            self.missing.append(name)
            return ""
        return value

    def number(self, name: str, default: int) -> int:
        value = self.given.get(name, "")
        if not value:
            return default
        if not value.isdecimal():
            raise ImproperlyConfigured(f"{name} is a whole number")
        return int(value)

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        value = self.given.get(name, "") or default
        if value not in choices:
            raise ImproperlyConfigured(f"{name} is one of {', '.join(choices)}")
        return value

    def require(self) -> None:
        """Raise ImproperlyConfigured naming every variable that is missing, and the one thing to do."""
        if self.missing:
            names = ", ".join(sorted(set(self.missing)))
            raise ImproperlyConfigured(
                f"Not set: {names}. In development, `make run` (or `python -m portal.local up`)"
                " starts the servers and sets them."
            )


def refuse_development(given: dict[str, str]) -> None:
    """Raise ImproperlyConfigured, naming every value that is only fit for development."""
    unfit = {
        "PORTAL_SECRET_KEY": len(given.get("PORTAL_SECRET_KEY", "")) < SECRET_LENGTH,
        # `make run` makes keys whose ids begin so.
        "PORTAL_KEYS": any(
            key.strip().startswith(("dev", "test"))
            for key in given.get("PORTAL_KEYS", "").split(",")
        ),
        "PORTAL_BASE_HOST": given.get("PORTAL_BASE_HOST", "").endswith("localhost")
        or not given.get("PORTAL_BASE_HOST"),
        "DATABASE_URL": f"{ROOT}" in given.get("DATABASE_URL", ""),
        "PORTAL_PUSH_KEY": given.get("PORTAL_PUSH_KEY", "").startswith(("dev", "test")),
        "EMAIL_URL": not _keeps_mail_secret(given.get("EMAIL_URL", "")),
        "PORTAL_TAMPERING": given.get("PORTAL_TAMPERING") == "yes",
        "PORTAL_CALLS_TO_LOOPBACK": given.get("PORTAL_CALLS_TO_LOOPBACK") == "yes",
    }
    names = sorted(name for name, is_unfit in unfit.items() if is_unfit)
    if names:
        raise ImproperlyConfigured(
            f"Only fit for development, and this is production: {', '.join(names)}"
        )


def database(url: str, *, name: str, pool: dict[str, Any] | None = None) -> dict[str, Any]:
    """A `DATABASES` entry from `postgresql://user:password@host:port/name?host=/socket/folder`."""
    if not url:
        return {"ENGINE": "django.db.backends.postgresql", "USER": f"portal_{name}"}
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ImproperlyConfigured(
            f"The {name} database is PostgreSQL 18 or later: postgresql://user:password@host/name"
        )
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    host = query.pop("host", parts.hostname or "")
    port = query.pop("port", str(parts.port or ""))
    options: dict[str, Any] = {"application_name": f"portal-{name}", **query}
    if pool:
        options["pool"] = pool
        # Django's own cursors never prepare; `portal.tenancy.prepared` does where this is set.
        options["prepare_threshold"] = 5
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": port,
        "CONN_MAX_AGE": 0 if pool else 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
        "ATOMIC_REQUESTS": False,
    }


def mail_server(url: str) -> dict[str, Any]:
    """Django's settings for mail, without their `EMAIL_`, from `smtp://user:password@host:port`.

    `smtp://` goes over to TLS before anything is said; `?tls=none` does without. `smtps://` speaks TLS
    from the first byte. `file:///folder` keeps each mail as a file.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        backend = "django.core.mail.backends.filebased.EmailBackend"
        return {"BACKEND": backend, "FILE_PATH": unquote(parts.path)}
    try:
        port = parts.port or (465 if parts.scheme == "smtps" else 587)
    except ValueError:
        port = 0
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or not port:
        raise ImproperlyConfigured("EMAIL_URL is smtp://user:password@host:port, or smtps://…")
    is_plain = parts.query == "tls=none"
    if parts.query and not is_plain:
        raise ImproperlyConfigured("EMAIL_URL: the one thing that may follow `?` is tls=none")
    return {
        "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "HOST": parts.hostname,
        "PORT": port,
        "HOST_USER": unquote(parts.username or ""),
        "HOST_PASSWORD": unquote(parts.password or ""),
        "USE_SSL": parts.scheme == "smtps",
        "USE_TLS": parts.scheme == "smtp" and not is_plain,
    }


def push_key(text: str) -> str:
    """The key of `id:base64url`, 32 bytes: a private key of the curve P-256 (RFC 8292, section 2)."""
    if not text:
        return ""
    key_id, _colon, key = text.partition(":")
    if not key_id.isalnum() or not _P256_KEY.fullmatch(key):
        raise ImproperlyConfigured("PORTAL_PUSH_KEY is `id:base64url of 32 bytes`")
    return key


def _keeps_mail_secret(url: str) -> bool:
    """Whether mail goes to a server, and in the clear to none but our own machine's."""
    parts = urlsplit(url)
    is_near = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    return parts.scheme in {"smtp", "smtps"} and (parts.query != "tls=none" or is_near)
