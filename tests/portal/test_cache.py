"""The cache while Valkey is away: what was counted still counts, and nothing breaks."""

from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import override_settings

from tests.desk import console_browser
from tests.factories.partners import make_bank, make_staff
from tests.factories.people import PASSWORD

GONE: dict[str, Any] = {
    "default": settings.CACHES["default"] | {"LOCATION": "unix:///nowhere/valkey.sock"}
}
LOGIN = "/sign-in/login/"
FACTOR = "/sign-in/second-factor/authenticate/"


@override_settings(CACHES=GONE)
def test_what_is_kept_is_kept_here_while_valkey_is_away() -> None:
    cache.clear()

    assert cache.add("spent", "code") is True
    assert cache.add("spent", "code") is False
    assert cache.get("spent") == "code"
    assert cache.get_many(["spent", "unspent"]) == {"spent": "code"}
    assert "unspent" not in cache


@pytest.mark.django_db
@override_settings(CACHES=GONE)
def test_staff_sign_in_while_valkey_is_away() -> None:
    cache.clear()
    email = make_staff(make_bank()).person.email

    answer = console_browser().post(LOGIN, {"login": email, "password": PASSWORD})

    assert (answer.status_code, answer["Location"]) == (302, FACTOR)


@pytest.mark.django_db
@override_settings(CACHES=GONE)
def test_guesses_are_slowed_down_while_valkey_is_away() -> None:
    cache.clear()
    email = make_staff(make_bank()).person.email
    for _attempt in range(6):
        console_browser().post(LOGIN, {"login": email, "password": "wrong-wrong"})

    answer = console_browser().post(LOGIN, {"login": email, "password": PASSWORD})

    assert "Location" not in answer
