import pytest
from django.core.exceptions import ImproperlyConfigured

from portal.environment import Environment, database, mail_server, refuse_development

FIT = {
    "PORTAL_SECRET_KEY": "x" * 50,
    "PORTAL_KEYS": "k2026:abc",
    "PORTAL_BASE_HOST": "portal.bank.example",
    "DATABASE_URL": "postgresql://portal_runtime@db.example/portal",
    "EMAIL_URL": "smtp://portal:secret@mail.example",
}


def test_production_takes_what_is_fit_for_it() -> None:
    refuse_development(FIT)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORTAL_SECRET_KEY", "short"),
        ("PORTAL_KEYS", "k2026:abc,dev1:abc"),
        ("PORTAL_BASE_HOST", "portal.localhost"),
        ("PORTAL_BASE_HOST", ""),
        ("EMAIL_URL", ""),
        ("EMAIL_URL", "file:///var/mail"),
        ("EMAIL_URL", "smtp://mail.example?tls=none"),
        ("PORTAL_CALLS_TO_LOOPBACK", "yes"),
        ("PORTAL_TAMPERING", "yes"),
    ],
)
def test_production_refuses_what_is_only_fit_for_development(name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        refuse_development(FIT | {name: value})

    assert name in str(refused.value)
    assert value == "" or value not in str(refused.value)


def test_all_that_is_missing_is_named_at_once_with_the_one_thing_to_do() -> None:
    env = Environment({})
    env.text("DATABASE_URL")
    env.text("VALKEY_URL")

    with pytest.raises(ImproperlyConfigured, match=r"DATABASE_URL, VALKEY_URL.*make run"):
        env.require()


def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="PostgreSQL 18"):
        database("sqlite:///portal.db", name="runtime")


def test_a_socket_folder_in_the_url_is_the_host() -> None:
    found = database("postgresql://me:p%40ss@/portal?host=/run/portal&port=5440", name="runtime")

    assert (found["HOST"], found["PORT"], found["PASSWORD"]) == ("/run/portal", "5440", "p@ss")


@pytest.mark.parametrize(
    ("url", "port", "secret_by"),
    [
        ("smtp://mail.example", 587, ["USE_TLS"]),
        ("smtp://mail.example:25", 25, ["USE_TLS"]),
        ("smtps://mail.example", 465, ["USE_SSL"]),
        ("smtp://127.0.0.1:8025?tls=none", 8025, []),
    ],
)
def test_a_mail_server_is_spoken_to_in_secret_unless_it_is_said(
    url: str, port: int, secret_by: list[str]
) -> None:
    found = mail_server(url)

    assert found["PORT"] == port
    assert [name for name in ("USE_SSL", "USE_TLS") if found[name]] == secret_by


def test_a_mail_servers_password_may_hold_anything() -> None:
    found = mail_server("smtp://me%40here:p%2Fss@mail.example")

    assert (found["HOST_USER"], found["HOST_PASSWORD"]) == ("me@here", "p/ss")


def test_production_may_speak_plainly_to_its_own_machine() -> None:
    refuse_development(FIT | {"EMAIL_URL": "smtp://127.0.0.1:25?tls=none"})


@pytest.mark.parametrize(
    "url", ["console://", "mail.example", "smtp://", "smtp://mail.example:x", "smtp://m?tls=maybe"]
)
def test_what_is_no_mail_server_is_refused(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL"):
        mail_server(url)
