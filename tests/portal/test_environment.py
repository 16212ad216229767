import pytest
from django.core.exceptions import ImproperlyConfigured

from portal.environment import Environment, database, refuse_development

FIT = {
    "PORTAL_SECRET_KEY": "x" * 50,
    "PORTAL_KEYS": "k2026:abc",
    "PORTAL_BASE_HOST": "portal.bank.example",
    "DATABASE_URL": "postgresql://portal_runtime@db.example/portal",
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
