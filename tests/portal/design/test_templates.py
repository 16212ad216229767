"""Every template of ours compiles, names its context, and keeps to the content security policy."""

import re
from pathlib import Path

import pytest
from django.template.loader import get_template
from django.test import Client, RequestFactory

from portal.design import views

FOLDER = Path(__file__).parents[3] / "templates"
TEMPLATES = sorted(str(each.relative_to(FOLDER)) for each in FOLDER.rglob("*.html"))
# django-allauth's elements get `attrs` and `slots` from its own tags.
ALLAUTH = "allauth/elements/"
# Mail programs fetch no style sheets, and a page that is kept as a file has none beside it.
ALONE = (".mail.html", ".file.html")
TAG, COMMENT = re.compile(r"{%.*?%}"), re.compile(r"{#.*?#}")
INLINE = re.compile(r"<style|\sstyle=|\son[a-z]+=\"|<script(?![^>]*\ssrc=)", re.IGNORECASE)
ICON = re.compile(r"{% icon \"([a-z]+)\" %}|icon=\"([a-z]+)\"|href=\"#i-([a-z]+)\"")


def text_of(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", TEMPLATES)
def test_template_compiles(name: str) -> None:
    assert get_template(name).template.name == name  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", [each for each in TEMPLATES if not each.startswith(ALLAUTH)])
def test_template_says_what_it_is_given(name: str) -> None:
    assert text_of(name).startswith("{#")


@pytest.mark.parametrize("name", [each for each in TEMPLATES if not each.endswith(ALONE)])
def test_template_has_no_inline_script_or_style(name: str) -> None:
    assert INLINE.findall(TAG.sub("", text_of(name))) == []


def test_inline_script_and_style_would_be_found() -> None:
    guilty = '<p style="x"><script>1</script><a onclick="x"><style></style>'

    assert len(INLINE.findall(guilty)) == 4
    assert INLINE.findall('<script src="/static/x.js" defer></script>') == []


def test_every_icon_that_is_used_is_drawn() -> None:
    used = {
        icon
        for name in TEMPLATES
        for found in ICON.findall(COMMENT.sub("", text_of(name)))
        for icon in found
        if icon
    }

    assert used - set(views.icons()) == set()
    assert "lock" in used


def test_design_page_shows_every_colour_and_icon(rf: RequestFactory) -> None:
    page = views.design(rf.get("/design")).content.decode()

    assert [name for name in views.icons() if f'href="#i-{name}"' not in page] == []
    assert page.count('class="swatch__fill"') == sum(len(group) for _, group in views.FAMILIES)


def test_design_page_only_reads(rf: RequestFactory) -> None:
    assert views.design(rf.post("/design")).status_code == 405


def test_every_colour_token_is_on_the_design_page() -> None:
    shown = {name for _, group in views.FAMILIES for name in group}
    colours = {
        name
        for name, value in views.tokens().items()
        if value.startswith("light-dark(#") and not re.fullmatch(r"on-[a-z]+", name)
    }

    assert colours - shown == set()


def test_design_page_is_at_the_base_host(client: Client) -> None:
    answer = client.get("/design", headers={"host": "portal.localhost"})

    assert answer.status_code == 200
    assert "'unsafe-inline'" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["design/tokens.css", "design/theme.js", "local/start.css"])
def test_static_file_is_served(client: Client, path: str) -> None:
    answer = client.get(f"/static/{path}", headers={"host": "console.portal.localhost"})

    assert answer.status_code == 200
    assert answer.content != b""
