from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.consent.references import consent_reference, read_consent_reference


@given(st.uuids(), st.uuids())
def test_a_reference_names_its_bank_and_consent(bank_id: UUID, consent_id: UUID) -> None:
    assert read_consent_reference(consent_reference(bank_id, consent_id)) == (bank_id, consent_id)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "con_",
        "con_1_2",
        f"con_{'0' * 32}",
        f"CON_{'0' * 32}_{'0' * 32}",
        f"con_{'A' * 32}_{'0' * 32}",
        f"con_{'0' * 32}_{'0' * 32}\n",
        f"con_{'0' * 32}_{'0' * 33}",
    ],
)
def test_anything_else_names_nothing(text: str) -> None:
    assert read_consent_reference(text) is None
