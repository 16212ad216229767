"""What the bank is told, and what it says when told nonsense."""

import pytest

from partners.sandbox.settings import SettingsError, read_settings

FEWEST = {
    "SANDBOX_SLUG": "northmoor",
    "SANDBOX_PORT": "8102",
    "SANDBOX_DATABASE_URL": "postgresql:///bank",
}


def test_three_variables_are_enough() -> None:
    settings = read_settings(FEWEST)

    assert settings.origin == "http://northmoor-bank.localhost:8102"
    assert settings.portal_base_origin == "http://portal.localhost:8000"
    assert settings.client is None
    assert settings.notify_url is None


def test_a_secret_alone_registers_the_portal() -> None:
    client = read_settings({**FEWEST, "SANDBOX_CLIENT_SECRET": "hush"}).client

    assert client is not None
    assert client.client_id == "portal"
    assert client.redirect_uri == "http://chat.portal.localhost:8000/link/callback"


def test_every_wrong_variable_is_named_at_once() -> None:
    wrong = {
        "SANDBOX_SLUG": "nowhere",
        "SANDBOX_PORT": "99999",
        "SANDBOX_SEED": "seven",
        "SANDBOX_HISTORY_UNTIL": "yesterday",
        "SANDBOX_NOTIFY_URL": "ftp://somewhere",
        "SANDBOX_PORTAL_ORIGIN": "chat.portal.localhost",
    }

    with pytest.raises(SettingsError) as refused:
        read_settings(wrong)

    missing = [name for name in [*wrong, "SANDBOX_DATABASE_URL"] if name not in str(refused.value)]
    assert missing == []
