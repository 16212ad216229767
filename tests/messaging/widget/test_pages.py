import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.test import Client

from messaging.widget import build
from partners.banks.models import Bank
from tests.factories.messaging import CHAT_HOST
from tests.factories.partners import make_bank

pytestmark = pytest.mark.django_db

SCRIPT = "console.log('the loader')"


@pytest.fixture(autouse=True)
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A build of the app, as small as one can be."""
    names = {
        "loader.js": "loader.A1.js",
        "app.js": "app.B2.js",
        "app.css": "app.C3.css",
        "words-en.js": "words-en.D4.js",
        "words-it.js": "words-it.E5.js",
    }
    (tmp_path / "manifest.json").write_bytes(orjson.dumps(names))
    (tmp_path / "loader.A1.js").write_text(SCRIPT)
    monkeypatch.setattr(build, "FOLDER", tmp_path)
    monkeypatch.setattr(build, "MANIFEST", tmp_path / "manifest.json")
    yield tmp_path
    build._manifest.cache_clear()
    build._text.cache_clear()


def get(client: Client, path: str, **headers: str) -> Any:
    return client.get(path, headers={"Host": CHAT_HOST} | headers)


def test_the_loader_is_cached_and_checked_by_its_name(client: Client) -> None:
    first = get(client, "/widget/loader.js")
    again = get(client, "/widget/loader.js", **{"If-None-Match": first.headers["ETag"]})

    assert (first.status_code, first.content.decode()) == (200, SCRIPT)
    assert first.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert first.headers["Cache-Control"] == "public, max-age=300"
    assert first.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert (again.status_code, again.content) == (304, b"")
    assert not first.cookies


def test_a_loader_that_was_not_built_is_503(client: Client, built: Path) -> None:
    (built / "manifest.json").unlink()

    assert get(client, "/widget/loader.js").status_code == 503


def test_the_frame_is_framed_by_the_banks_pages_alone(client: Client) -> None:
    bank = make_bank(frame_origins=["https://bank.example", "http://bank.localhost:8101"])

    page = get(client, f"/widget/frame?bank={bank.slug}")

    policy = dict(
        part.strip().split(" ", 1) for part in page.headers["Content-Security-Policy"].split(";")
    )
    assert page.status_code == 200
    assert policy["frame-ancestors"] == "https://bank.example http://bank.localhost:8101"
    assert policy["connect-src"] == "'self' ws://chat.portal.localhost:8000"
    assert policy["default-src"] == "'none'"
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in page.headers
    assert not page.cookies


def test_the_frame_says_what_the_app_needs(client: Client) -> None:
    bank = make_bank(frame_origins=["https://bank.example"], locale="it")

    html = get(client, f"/widget/frame?bank={bank.slug}").content.decode()

    said = dict(re.findall(r'data-([a-z-]+)="([^"]*)"', html))
    assert said == {
        "bank": bank.slug,
        "bank-name": bank.name,
        "api": "/api/v1",
        "socket": "ws://chat.portal.localhost:8000/v1/ws",
        "locale": "it",
        "language": "it",
        "words": "/static/widget/build/words-it.E5.js",
        "parent-origins": "[&quot;https://bank.example&quot;]",
    }
    assert '<html lang="it"' in html
    assert "/static/widget/build/app.B2.js" in html


def test_what_is_not_a_plain_origin_lets_nobody_in(client: Client) -> None:
    bank = make_bank(
        frame_origins=["*", "https:", "https://a.example; script-src *", "https://a.example/x", 7]
    )

    page = get(client, f"/widget/frame?bank={bank.slug}")

    assert page.headers["Content-Security-Policy"].endswith("frame-ancestors 'none'")


@pytest.mark.parametrize(
    ("locale", "language"), [("it-CH", "it"), ("de-CH", "en"), ("en_GB", "en")]
)
def test_the_words_are_english_where_there_are_none_of_the_locales_own(
    client: Client, locale: str, language: str
) -> None:
    bank = make_bank(locale=locale)

    html = get(client, f"/widget/frame?bank={bank.slug}").content.decode()

    said = dict(re.findall(r'data-([a-z-]+)="([^"]*)"', html))
    assert (said["locale"], said["language"]) == (locale, language)
    assert f"/words-{language}." in said["words"]


@pytest.mark.parametrize("locale", ["<script>", 'it" onload="x', "x" * 50])
def test_a_strange_locale_is_passed_over(client: Client, locale: str) -> None:
    bank = make_bank(locale="it")

    page = client.get(
        "/widget/frame", {"bank": bank.slug, "locale": locale}, headers={"Host": CHAT_HOST}
    )

    assert 'data-locale="it"' in page.content.decode()


def test_without_a_bank_there_is_a_calm_page(client: Client) -> None:
    suspended = make_bank(status=Bank.Status.SUSPENDED)
    paths = ["/widget/frame", "/widget/frame?bank=nobody", f"/widget/frame?bank={suspended.slug}"]

    pages = [get(client, path) for path in paths]

    assert [page.status_code for page in pages] == [404, 404, 404]
    assert all("There is no chat here right now" in page.content.decode() for page in pages)
    assert all("script-src 'self'" in page.headers["Content-Security-Policy"] for page in pages)


def test_only_reading_is_answered(client: Client) -> None:
    answers = [
        client.post(path, headers={"Host": CHAT_HOST}).status_code
        for path in ("/widget/loader.js", "/widget/frame")
    ]

    assert answers in ([405, 405], [403, 403])
