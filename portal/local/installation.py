"""One installation on this machine: its secrets, its servers, and the environment made of them."""

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from portal.local import postgres, roles, valkey
from portal.local.embedded import POSTGRES_STOP, VALKEY_STOP, Server
from portal.local.postgres import Cluster
from portal.local.problems import CannotStart
from portal.local.roles import RolePasswords
from portal.local.state import State, read_json, write_json, write_private
from portal.local.valkey import Valkey

SANDBOX_SLUGS = ("aurelia", "northmoor", "quillon")

POSTGRES = "postgres"
VALKEY = "valkey"
# Each invented bank has a cluster of its own, as each real one has.
SANDBOX_POSTGRES = {f"{slug}-postgres": slug for slug in SANDBOX_SLUGS}
SERVERS = (POSTGRES, VALKEY, *SANDBOX_POSTGRES)

_PASSWORDS = ("superuser", "owner", "runtime", "system", "sandbox_superuser", "sandbox", "valkey")
_HIGHEST_PORT = 65535
_OLDEST_POSTGRES = 180000


@dataclass(frozen=True)
class Ports:
    """Every port of 127.0.0.1 that an installation takes. 0 for a server: its socket only."""

    web: int = 8000
    sandbox: int = 8101
    postgres: int = 5440
    sandbox_postgres: int = 5441
    valkey: int = 6390
    mail: int = 8025

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Ports":
        web = _port(environ, "PORTAL_PORT", cls.web)
        return cls(
            web=web,
            sandbox=_port(environ, "SANDBOX_PORT", cls.sandbox),
            postgres=_port(environ, "PORTAL_POSTGRES_PORT", cls.postgres),
            sandbox_postgres=_port(environ, "PORTAL_SANDBOX_POSTGRES_PORT", cls.sandbox_postgres),
            valkey=_port(environ, "PORTAL_VALKEY_PORT", cls.valkey),
            # Beside the web's, so that two portals on one machine do not meet.
            mail=_port(environ, "PORTAL_MAIL_PORT", web + cls.mail - cls.web),
        )


NO_PORTS = Ports(postgres=0, sandbox_postgres=0, valkey=0)


def _port(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "").strip() or str(default)
    if not text.isdecimal() or int(text) > _HIGHEST_PORT:
        raise CannotStart(f"{name} must be a port number from 0 to {_HIGHEST_PORT}, not {text!r}.")
    return int(text)


@dataclass(frozen=True)
class Secrets:
    """Everything generated once and kept in `secrets.json`."""

    passwords: Mapping[str, str]
    secret_key: str
    master_key: str
    push_key: str
    sandbox_clients: Mapping[str, str]

    @property
    def roles(self) -> RolePasswords:
        return RolePasswords(
            self.passwords["owner"], self.passwords["runtime"], self.passwords["system"]
        )


def load_secrets(state: State) -> Secrets:
    """The installation's secrets; what is missing is generated and kept."""
    path = state.folder / "secrets.json"
    stored = read_json(path)
    if not stored and (state.servers / POSTGRES / "data").exists():
        raise CannotStart(
            f"{path} is missing or damaged, and without it the databases beside it cannot be "
            "opened. Put it back, or throw the databases away with `make clean`."
        )
    complete = _complete(stored)
    if complete != stored:
        write_json(path, complete)
    return Secrets(**complete)


def _complete(stored: dict[str, Any]) -> dict[str, Any]:
    passwords = {name: secrets.token_hex(24) for name in _PASSWORDS}
    clients = {slug: secrets.token_hex(24) for slug in SANDBOX_SLUGS}
    master = base64.b64encode(secrets.token_bytes(32)).decode()
    return {
        "passwords": {**passwords, **stored.get("passwords", {})},
        "secret_key": stored.get("secret_key") or secrets.token_urlsafe(50),
        "master_key": stored.get("master_key") or master,
        "push_key": stored.get("push_key") or secrets.token_urlsafe(32),
        "sandbox_clients": {**clients, **stored.get("sandbox_clients", {})},
    }


@dataclass(frozen=True)
class Installation:
    state: State
    secrets: Secrets
    ports: Ports
    durable: bool = True

    @property
    def postgres(self) -> Cluster:
        return Cluster(
            POSTGRES,
            self.state,
            self.ports.postgres,
            self.secrets.passwords["superuser"],
            durable=self.durable,
        )

    def sandbox_postgres(self, slug: str) -> Cluster:
        first = self.ports.sandbox_postgres
        return Cluster(
            f"{slug}-postgres",
            self.state,
            first and first + SANDBOX_SLUGS.index(slug),
            self.secrets.passwords["sandbox_superuser"],
            shared_buffers="32MB",
            max_connections=40,
            durable=self.durable,
        )

    @property
    def valkey(self) -> Valkey:
        return Valkey(
            self.state, self.ports.valkey, self.secrets.passwords["valkey"], durable=self.durable
        )

    @property
    def mail_url(self) -> str:
        """The mailbox that takes the place of a mail server."""
        return f"smtp://127.0.0.1:{self.ports.mail}?tls=none"

    def server(self, name: str) -> Server:
        if name == POSTGRES:
            return _postgres_server(self.postgres, "PORTAL_POSTGRES_PORT", self._prepare_portal)
        if name in SANDBOX_POSTGRES:
            return self._sandbox_server(SANDBOX_POSTGRES[name])
        return _valkey_server(self.valkey)

    def _prepare_portal(self) -> None:
        roles.prepare_portal(self.postgres, self.secrets.roles)

    def _sandbox_server(self, slug: str) -> Server:
        cluster = self.sandbox_postgres(slug)
        password = self.secrets.passwords["sandbox"]
        return _postgres_server(
            cluster,
            "PORTAL_SANDBOX_POSTGRES_PORT (the first of three)",
            lambda: roles.prepare_sandbox(cluster, password, sandbox_database(slug)),
        )

    def sandbox_database_url(self, slug: str) -> str:
        return postgres.url(
            self.sandbox_postgres(slug),
            user=roles.SANDBOX,
            password=self.secrets.passwords["sandbox"],
            dbname=sandbox_database(slug),
        )


def sandbox_database(slug: str) -> str:
    return f"sandbox_{slug}"


def _postgres_server(cluster: Cluster, setting: str, finish: Callable[[], None]) -> Server:
    return Server(
        name=cluster.name,
        state=cluster.state,
        command=cluster.command,
        prepare=lambda: postgres.prepare(cluster),
        running=lambda: postgres.running(cluster),
        same_settings=lambda identity: postgres.same_settings(cluster, identity),
        ready=lambda: postgres.ready(cluster),
        finish=finish,
        stop_steps=POSTGRES_STOP,
        port=cluster.port,
        port_setting=setting,
    )


def _valkey_server(server: Valkey) -> Server:
    return Server(
        name=server.name,
        state=server.state,
        command=server.command,
        prepare=lambda: valkey.prepare(server),
        running=lambda: valkey.running(server),
        same_settings=lambda _: valkey.same_settings(server),
        ready=lambda: valkey.ready(server),
        finish=lambda: None,
        stop_steps=VALKEY_STOP,
        port=server.port,
        port_setting="PORTAL_VALKEY_PORT",
    )


def environment(installation: Installation) -> dict[str, str]:
    """The variables that `portal/settings.py` reads, as this installation answers them."""
    urls = roles.database_urls(installation.postgres, installation.secrets.roles, roles.DATABASE)
    return {
        "PORTAL_MODE": "development",
        "PORTAL_BASE_HOST": "portal.localhost",
        "PORTAL_PORT": str(installation.ports.web),
        "SANDBOX_PORT": str(installation.ports.sandbox),
        "DATABASE_URL": urls.runtime,
        "DATABASE_OWNER_URL": urls.owner,
        "DATABASE_SYSTEM_URL": urls.system,
        "VALKEY_URL": installation.valkey.url(),
        "CELERY_BROKER_URL": installation.valkey.broker_url(),
        "EMAIL_URL": installation.mail_url,
        "PORTAL_SECRET_KEY": installation.secrets.secret_key,
        "PORTAL_KEYS": f"dev1:{installation.secrets.master_key}",
        "PORTAL_PUSH_KEY": f"dev1:{installation.secrets.push_key}",
        "PORTAL_METRICS_TOKEN": _metrics_token(installation.secrets.secret_key),
        **{
            f"SANDBOX_{slug.upper()}_CLIENT_SECRET": secret
            for slug, secret in installation.secrets.sandbox_clients.items()
        },
    }


def _metrics_token(secret_key: str) -> str:
    return hashlib.sha256(f"metrics:{secret_key}".encode()).hexdigest()


def write_env_file(path: Path, values: Mapping[str, str]) -> None:
    """Keep the environment where Django's own commands find it, a line each, nothing quoted."""
    lines = ["# Written at each start. Set a variable in your own environment to override it."]
    lines += [f"{name}={value}" for name, value in values.items()]
    write_private(path, "\n".join(lines) + "\n")


def read_env_file(path: Path) -> dict[str, str]:
    """The variables kept in an env file; empty when there is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return {}
    pairs = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    return {name: value for name, equals, value in pairs if equals}


def broker_url(valkey_url: str) -> str:
    """Celery's address on the same server: database 1 (`redis+socket://` for a socket)."""
    parts = urlsplit(valkey_url)
    if parts.scheme == "unix":
        return urlunsplit(parts._replace(scheme="redis+socket", query="virtual_host=1"))
    return urlunsplit(parts._replace(path="/1"))


def overridden(values: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """`values`, except where the environment says otherwise; the broker follows VALKEY_URL."""
    result = {name: environ.get(name) or value for name, value in values.items()}
    if environ.get("VALKEY_URL") and not environ.get("CELERY_BROKER_URL"):
        result["CELERY_BROKER_URL"] = broker_url(environ["VALKEY_URL"])
    return result


def needed_servers(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The embedded servers that no variable replaces."""
    replaced = set()
    if environ.get("DATABASE_URL"):
        replaced.add(POSTGRES)
    if environ.get("VALKEY_URL"):
        replaced.add(VALKEY)
    return tuple(name for name in SERVERS if name not in replaced)


def check_given(environ: Mapping[str, str]) -> None:
    """Refuse a database of the user's own that cannot serve, before anything starts."""
    given = environ.get("DATABASE_URL")
    if not given:
        return
    missing = [n for n in ("DATABASE_OWNER_URL", "DATABASE_SYSTEM_URL") if not environ.get(n)]
    if missing:
        raise CannotStart(
            f"DATABASE_URL is set, so {' and '.join(missing)} must be set too: the same database "
            "as the role that owns its tables, and as the one that reads its queues. See "
            "docs/running.md."
        )
    try:
        version = postgres.server_version(given)
    except psycopg.OperationalError as error:
        raise CannotStart(f"The database of DATABASE_URL does not answer: {error}") from error
    if version < _OLDEST_POSTGRES:
        raise CannotStart(
            f"DATABASE_URL leads to PostgreSQL {version // 10000}; the portal needs 18 or newer."
        )
