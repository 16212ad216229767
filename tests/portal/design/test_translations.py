"""What customers read is there in each of their languages, with the same names in it."""

import ast
import re
from collections.abc import Iterator
from gettext import GNUTranslations
from pathlib import Path

import pytest
from django.utils.translation.template import templatize

from portal.environment import ROOT

LANGUAGES = ("it", "es")
# Pages, mails and parts of them that customers see; what stands beside them for staff is left out.
TEMPLATES = (
    "templates/partners/asking",
    "templates/partners/connections",
    "templates/accounts/consent",
    "templates/accounts/disclosure/_check.html",
    "templates/accounts/disclosure/check_window.html",
    "templates/accounts/signin/window_ended.html",
    "templates/partners/records",
    "templates/messaging/notices",
)
FOR_STAFF = {"_hold.html"}
WORDS = (
    "partners/sharing/words.py",
    "partners/sharing/timeline.py",
    "partners/sharing/views.py",
    "partners/sharing/forms.py",
    "partners/sharing/consent_pdf.py",
    "partners/asking/views.py",
    "partners/asking/forms.py",
    "partners/connections/views.py",
    "partners/connections/forms.py",
    "partners/records/words.py",
    "partners/records/forms.py",
    "messaging/notices/words.py",
    "accounts/disclosure/words.py",
)
_CALLS = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "pgettext"}
_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_IN_TEMPLATE = re.compile(rf"\b(?:_|n?gettext)\(\s*u?({_QUOTED})")
_NAMED = re.compile(r"%\((\w+)\)")


def said_in(path: Path) -> Iterator[str]:
    """Every sentence of a file that is to be translated."""
    source = path.read_text()
    if path.suffix == ".py":
        yield from _in_python(ast.parse(source))
    else:
        for found in _IN_TEMPLATE.finditer(templatize(source)):
            yield ast.literal_eval(found[1])


def _in_python(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            first = node.args[0] if node.args else None
            is_said = node.func.id in _CALLS and isinstance(first, ast.Constant)
            if is_said and isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


def files() -> list[Path]:
    pages = [
        each
        for place in TEMPLATES
        for each in (
            [ROOT / place] if place.endswith(".html") else sorted((ROOT / place).iterdir())
        )
        if each.name not in FOR_STAFF
    ]
    return [*pages, *(ROOT / each for each in WORDS if (ROOT / each).exists())]


def catalogue(language: str) -> GNUTranslations:
    compiled = ROOT / f"messaging/locale/{language}/LC_MESSAGES/django.mo"
    with compiled.open("rb") as file:
        return GNUTranslations(file)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", files(), ids=lambda each: str(each.relative_to(ROOT)))
def test_what_customers_read_is_there_in_their_language(path: Path, language: str) -> None:
    known = catalogue(language)._catalog  # type: ignore[attr-defined]  # the public way cannot say "none"

    said = {each for each in said_in(path) if each.strip()}

    assert {each for each in said if each not in known and (each, 0) not in known} == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_names_what_the_sentence_names(language: str) -> None:
    known = catalogue(language)._catalog  # type: ignore[attr-defined]  # as above

    for key, told in known.items():
        asked = key[0] if isinstance(key, tuple) else key
        if asked:
            assert set(_NAMED.findall(told)) == set(_NAMED.findall(asked)), asked


def test_the_sentences_are_found() -> None:
    said = {each for path in files() for each in said_in(path)}

    assert {"Erase everything?", "Link your accounts", "You had ended it"} <= said
