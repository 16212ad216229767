"""The portal's three roles and what each may do in a database."""

from dataclasses import dataclass

import psycopg
from psycopg import Connection, sql

from portal.local import postgres
from portal.local.postgres import Cluster

DATABASE = "portal"
OWNER = "portal_owner"
RUNTIME = "portal_runtime"
SYSTEM = "portal_system"
SANDBOX = "sandbox"

# Unsaid, a session's own temporary tables are found before everybody's: one could stand for a tenant's.
_NO_SHADOWS = sql.SQL("ALTER ROLE {} SET search_path = public, pg_temp")


@dataclass(frozen=True)
class RolePasswords:
    owner: str
    runtime: str
    system: str


@dataclass(frozen=True)
class DatabaseUrls:
    """One database, as each of the roles."""

    owner: str
    runtime: str
    system: str
    superuser: str


def database_urls(cluster: Cluster, passwords: RolePasswords, dbname: str) -> DatabaseUrls:
    return DatabaseUrls(
        owner=postgres.url(cluster, user=OWNER, password=passwords.owner, dbname=dbname),
        runtime=postgres.url(cluster, user=RUNTIME, password=passwords.runtime, dbname=dbname),
        system=postgres.url(cluster, user=SYSTEM, password=passwords.system, dbname=dbname),
        superuser=postgres.superuser_url(cluster, dbname),
    )


def prepare_portal(cluster: Cluster, passwords: RolePasswords) -> None:
    """Make the roles and the portal's database, or set them right; safe to repeat."""
    with cluster.connect() as connection:
        for name, password in (
            (OWNER, passwords.owner),
            (RUNTIME, passwords.runtime),
            (SYSTEM, passwords.system),
        ):
            postgres.ensure_role(connection, name, password)
            connection.execute(_NO_SHADOWS.format(sql.Identifier(name)))
    prepare_database(cluster, DATABASE)


def prepare_database(cluster: Cluster, name: str, *, template: str = "template1") -> None:
    """A database of the portal: the owner makes tables, runtime uses them, system is granted by hand."""
    server = postgres.superuser_url(cluster, postgres.SUPERUSER)
    prepare_database_at(
        server, postgres.superuser_url(cluster, name), name=name, template=template
    )


def prepare_database_at(server_url: str, database_url: str, *, name: str, template: str) -> None:
    """The same, where only the superuser's URLs are at hand."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        postgres.ensure_database(connection, name, owner=OWNER, template=template)
        # Runtime copies a bank's page into a temporary table: COPY into row policies is refused.
        for role, rights in ((RUNTIME, "CONNECT, TEMPORARY"), (SYSTEM, "CONNECT")):
            connection.execute(
                sql.SQL("GRANT {} ON DATABASE {} TO {}").format(
                    sql.SQL(rights), sql.Identifier(name), sql.Identifier(role)
                )
            )
    with psycopg.connect(database_url, autocommit=True) as connection:
        _grant_schema(connection)


def _grant_schema(connection: Connection) -> None:
    names = {
        "owner": sql.Identifier(OWNER),
        "runtime": sql.Identifier(RUNTIME),
        "system": sql.Identifier(SYSTEM),
    }
    for statement in (
        "ALTER SCHEMA public OWNER TO {owner}",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        "GRANT USAGE ON SCHEMA public TO {runtime}, {system}",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public "
        "GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {runtime}",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public "
        "GRANT USAGE, SELECT ON SEQUENCES TO {runtime}",
    ):
        connection.execute(sql.SQL(statement).format(**names))


def prepare_sandbox(cluster: Cluster, password: str, name: str) -> None:
    """A sandbox bank's own cluster: one role, one database."""
    with cluster.connect() as connection:
        postgres.ensure_role(connection, SANDBOX, password)
        postgres.ensure_database(connection, name, owner=SANDBOX)
