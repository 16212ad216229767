"""What `make run` runs, with which words and in which order."""

import hashlib
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from portal.local.installation import (
    SANDBOX_POSTGRES,
    SANDBOX_SLUGS,
    Installation,
)
from portal.local.mailbox import mail_folder
from portal.local.parts import Job, Part, Service
from portal.local.probes import HttpProbe, LogProbe, StaysProbe
from portal.local.state import REPOSITORY
from portal.local.supervisor import Plan
from portal.local.web import socket_options

MIGRATE = "migrate"
SEED = "seed_demo"
SANDBOX_CLIENT_ID = "portal"
_ADDRESSES = ("PORTAL_BASE_HOST", "PORTAL_PORT", "SANDBOX_PORT")


def sandbox_name(slug: str) -> str:
    return f"sandbox-{slug}"


def full_plan(here: Installation, servers: Iterable[str], environ: Mapping[str, str]) -> Plan:
    """All of it. `environ` is what our own processes get; `servers` are the embedded ones needed."""
    embedded = tuple(servers)
    portal_needs = tuple(name for name in embedded if name not in SANDBOX_POSTGRES)
    sandboxes = {sandbox_name(slug): (server,) for server, slug in SANDBOX_POSTGRES.items()}
    ours = ("web", "worker", "beat", "relay", "sealer")
    # A mail server of the user's own takes its place.
    mailbox = (_mailbox(here, environ),) if environ.get("EMAIL_URL") == here.mail_url else ()
    jobs = [_migrate(here, environ)]
    seed = _seed(here, environ)
    if seed:
        jobs.append(seed)
    return Plan(
        tiers=(
            tuple(here.server(name) for name in embedded),
            tuple(
                _sandbox(here, slug, here.ports.sandbox + place, environ)
                for place, slug in enumerate(SANDBOX_SLUGS)
            ),
            (
                _web(here, environ),
                _worker(here, environ),
                _beat(here, environ),
                _relay(here, environ),
                _sealer(here, environ),
                *mailbox,
            ),
        ),
        jobs=tuple(jobs),
        optional_jobs=frozenset({SEED}),
        needs={
            MIGRATE: portal_needs,
            SEED: (MIGRATE, *portal_needs, *sandboxes),
            **sandboxes,
            **dict.fromkeys(ours, (MIGRATE, *portal_needs)),
        },
    )


def seed_command() -> Path | None:
    """The file of the command that fills the demonstration, if this portal has one."""
    return next(iter(sorted(REPOSITORY.glob(f"*/management/commands/{SEED}.py"))), None)


def _python(*words: str) -> tuple[str, ...]:
    return (sys.executable, *words)


def _migrate(here: Installation, environ: Mapping[str, str]) -> Job:
    return Job(
        MIGRATE,
        here.state,
        _python("manage.py", "migrate", "--database", "owner", "--no-input"),
        environ,
        stamp=_stamp_of(
            here, environ, lambda: sorted(REPOSITORY.glob("*/migrations/*.py")), "requirements.txt"
        ),
    )


def _seed(here: Installation, environ: Mapping[str, str]) -> Job | None:
    command = seed_command()
    if command is None:
        return None
    of_banks = [here.sandbox_postgres(slug).data for slug in SANDBOX_SLUGS]
    files = [command, *sorted(REPOSITORY.glob("portal/local/demo*.py"))]
    stamp = _stamp_of(here, environ, lambda: files, "")
    return Job(
        SEED,
        here.state,
        _python("manage.py", SEED),
        environ,
        stamp=lambda: ":".join([stamp(), *(_edition(each) for each in of_banks)]),
        leaves=here.state.folder / "demo.json",
    )


def _stamp_of(
    here: Installation, environ: Mapping[str, str], files: Callable[[], list[Path]], also: str
) -> Callable[[], str]:
    """A digest of these files and of the database they were applied to."""

    def stamp() -> str:
        digest = hashlib.sha256(environ["DATABASE_URL"].encode())
        digest.update(" ".join(environ[name] for name in _ADDRESSES).encode())
        digest.update(_edition(here.postgres.data).encode())
        for path in [*files(), *([REPOSITORY / also] if also else [])]:
            digest.update(str(path.relative_to(REPOSITORY)).encode() + b"\0" + path.read_bytes())
        return digest.hexdigest()

    return stamp


def _edition(data: Path) -> str:
    """Tells a data folder from one made anew in its place."""
    try:
        return str((data / "PG_VERSION").stat().st_mtime_ns)
    except OSError:
        return ""


def _sandbox(here: Installation, slug: str, port: int, environ: Mapping[str, str]) -> Part:
    base = environ["PORTAL_BASE_HOST"]
    portal_port = environ["PORTAL_PORT"]
    return Service(
        sandbox_name(slug),
        here.state,
        _python("-m", "partners.sandbox"),
        {
            **environ,
            "SANDBOX_SLUG": slug,
            "SANDBOX_PORT": str(port),
            "SANDBOX_DATABASE_URL": here.sandbox_database_url(slug),
            "SANDBOX_SEED": environ.get("SANDBOX_SEED") or "2026",
            "SANDBOX_CLIENT_ID": SANDBOX_CLIENT_ID,
            "SANDBOX_CLIENT_NAME": environ.get("PORTAL_NAME") or "Sportello",
            "SANDBOX_REDIRECT_URI": f"http://chat.{base}:{portal_port}/link/callback",
            "SANDBOX_CLIENT_SECRET": environ[f"SANDBOX_{slug.upper()}_CLIENT_SECRET"],
            "SANDBOX_PORTAL_ORIGIN": f"http://chat.{base}:{portal_port}",
            "SANDBOX_NOTIFY_URL": (
                f"http://127.0.0.1:{portal_port}/open-banking/{slug}/event-notifications"
            ),
            "SANDBOX_NOTIFY_HOST": f"api.{base}:{portal_port}",
        },
        HttpProbe(port, "/_control/health", f"{slug}-bank.localhost:{port}"),
        port=port,
        port_setting="SANDBOX_PORT (the first of three)",
    )


def _web(here: Installation, environ: Mapping[str, str]) -> Part:
    port = here.ports.web
    return Service(
        "web",
        here.state,
        _python(
            *("-m", "uvicorn", "portal.asgi:application", "--host", "127.0.0.1"),
            *("--port", str(port), *socket_options(), "--no-server-header"),
            *("--no-access-log", "--no-proxy-headers", "--timeout-graceful-shutdown", "3"),
        ),
        environ,
        HttpProbe(port, "/healthz", f"{environ['PORTAL_BASE_HOST']}:{port}"),
        port=port,
        port_setting="PORTAL_PORT",
    )


def _worker(here: Installation, environ: Mapping[str, str]) -> Part:
    return Service(
        "worker",
        here.state,
        _python(
            *("-m", "celery", "-A", "portal", "worker", "--concurrency", "4", "-Ofair"),
            *("--without-gossip", "--without-mingle", "--loglevel", "INFO", "-n", "worker@portal"),
        ),
        environ,
        LogProbe(here.state.log / "worker.log", re.compile(rb"worker@portal ready\.")),
    )


def _beat(here: Installation, environ: Mapping[str, str]) -> Part:
    schedule = here.state.folder / "beat"
    return Service(
        "beat",
        here.state,
        _python(
            *("-m", "celery", "-A", "portal", "beat", "-s", str(schedule), "--pidfile", ""),
            *("--loglevel", "INFO"),
        ),
        environ,
        LogProbe(here.state.log / "beat.log", re.compile(rb"beat: Starting")),
    )


def _mailbox(here: Installation, environ: Mapping[str, str]) -> Part:
    port = here.ports.mail
    return Service(
        "mailbox",
        here.state,
        _python("-m", "portal.local.mailbox", str(port), str(mail_folder(here.state.folder))),
        environ,
        LogProbe(here.state.log / "mailbox.log", re.compile(rb"the mailbox listens")),
        port=port,
        port_setting="PORTAL_MAIL_PORT",
    )


def _relay(here: Installation, environ: Mapping[str, str]) -> Part:
    return Service("relay", here.state, _python("manage.py", "relay"), environ, StaysProbe())


def _sealer(here: Installation, environ: Mapping[str, str]) -> Part:
    return Service("sealer", here.state, _python("manage.py", "sealer"), environ, StaysProbe())
