import hashlib

import pytest

from accounts.consent.models import Notice, Purpose

pytestmark = pytest.mark.django_db


def test_every_purpose_is_explained_in_every_language() -> None:
    told = set(Notice.objects.values_list("purpose__code", "locale"))

    codes = set(Purpose.objects.values_list("code", flat=True))
    assert codes == {"see_in_chat", "budgeting", "balance_watch"}
    assert told == {(code, locale) for code in codes for locale in ("en", "it", "es")}


def test_a_notice_is_named_by_its_words() -> None:
    for notice in Notice.objects.all():
        assert notice.sha256 == hashlib.sha256(notice.text.encode()).hexdigest()
