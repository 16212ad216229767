import base64
from uuid import uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from portal.secrets.keys import parse_master_keys
from portal.secrets.sealing import SecretUnreadable, seal, unseal
from portal.secrets.tokens import new_bank_token, read_bank_token

BANK, ROW = uuid4(), uuid4()
PLACE = {"bank_id": BANK, "column": "partners_integration.client_secret", "row_id": ROW}
KEY = base64.b64encode(b"k" * 32).decode()


@given(st.text(max_size=200))
def test_what_was_sealed_opens_in_its_place(plain: str) -> None:
    assert unseal(seal(plain, **PLACE), **PLACE) == plain


@pytest.mark.parametrize(
    "elsewhere", [{"bank_id": uuid4()}, {"column": "partners_x.y"}, {"row_id": uuid4()}]
)
def test_a_ciphertext_copied_elsewhere_does_not_open(elsewhere: dict[str, object]) -> None:
    sealed = seal("secret", **PLACE)

    with pytest.raises(SecretUnreadable):
        unseal(sealed, **(PLACE | elsewhere))  # type: ignore[arg-type]


def test_an_altered_ciphertext_does_not_open() -> None:
    sealed = seal("secret", **PLACE)

    for text in (
        sealed[:-4] + "AAAA",
        "v1.nokey." + sealed.split(".")[2],
        "nonsense",
        "v2" + sealed[2:],
    ):
        with pytest.raises(SecretUnreadable):
            unseal(text, **PLACE)


def test_an_older_key_still_opens_and_the_newest_seals(settings) -> None:  # type: ignore[no-untyped-def]
    settings.PORTAL_KEYS = f"old:{KEY}"
    sealed = seal("secret", **PLACE)
    settings.PORTAL_KEYS = f"new:{base64.b64encode(b'n' * 32).decode()},old:{KEY}"

    assert unseal(sealed, **PLACE) == "secret"
    assert seal("secret", **PLACE).startswith("v1.new.")


@pytest.mark.parametrize("text", ["", "a", "a:short", f"a:{KEY},a:{KEY}", f":{KEY}", f"a b:{KEY}"])
def test_master_keys_that_are_not_of_the_form_are_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        parse_master_keys(text)

    assert KEY not in str(refused.value)


def test_a_token_names_its_bank_and_its_kind() -> None:
    token = new_bank_token(kind="ws", bank_id=BANK)

    read = read_bank_token(token.text, kind="ws")
    assert read == token
    assert read_bank_token(token.text, kind="win") is None
    assert read_bank_token("ws_zz_x", kind="ws") is None
    assert token.text not in token.digest
