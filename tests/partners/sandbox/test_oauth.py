"""Authorisation by redirect: the way through, and every way that must be closed."""

import html
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.partners.sandbox.visitor import AISP, CLIENT, REDIRECT, SECRET, Visitor, pkce


def _query(consent_id: str, challenge: str, **changed: str) -> dict[str, str]:
    return {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": REDIRECT,
        "scope": "openid accounts",
        "state": "the state & more",
        "nonce": "n",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "openbanking_intent_id": consent_id,
        **changed,
    }


def _hidden(page: httpx.Response) -> str:
    found = re.search(r'name="authorisation" value="([^"]+)"', page.text)
    assert found is not None, page.text
    return html.unescape(found[1])


def _answer(response: httpx.Response) -> dict[str, str]:
    assert response.status_code == 303
    address = response.headers["location"]
    assert address.startswith(f"{REDIRECT}?")
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


async def _at_consent_page(visitor: Visitor, challenge: str, **consent: Any) -> tuple[str, str]:
    """Signed in and looking at the accounts: the form's id, and the page."""
    person = await visitor.first()
    made = await visitor.consent(**consent)
    begun = await visitor.http.get("/as/authorize", params=_query(made["ConsentId"], challenge))
    form = {"authorisation": _hidden(begun), "action": "sign-in"}
    page = await visitor.http.post(
        "/as/authorize",
        data={**form, "login": person["login"], "password": person["password"]},
    )
    assert page.status_code == 200
    return form["authorisation"], page.text


async def test_the_whole_way_by_form(visitor: Visitor) -> None:
    person = await visitor.first()
    chosen = person["accounts"][0]["AccountId"]
    verifier, challenge = pkce()
    form, page = await _at_consent_page(visitor, challenge)

    back = await visitor.http.post(
        "/as/authorize", data={"authorisation": form, "action": "approve", "account": chosen}
    )
    answer = _answer(back)
    tokens = await visitor.token(
        grant_type="authorization_code",
        code=answer["code"],
        redirect_uri=REDIRECT,
        code_verifier=verifier,
    )

    bearer = {"Authorization": f"Bearer {tokens.json()['access_token']}"}
    listed = await visitor.http.get(f"{AISP}/accounts", headers=bearer)
    assert chosen in page
    assert answer["state"] == "the state & more"
    assert tokens.json()["token_type"] == "Bearer"
    assert [one["AccountId"] for one in listed.json()["Data"]["Account"]] == [chosen]


async def test_no_is_told_to_the_client_and_ends_the_request(visitor: Visitor) -> None:
    form, _ = await _at_consent_page(visitor, pkce()[1])

    back = await visitor.http.post("/as/authorize", data={"authorisation": form, "action": "deny"})
    again = await visitor.http.post(
        "/as/authorize", data={"authorisation": form, "action": "approve", "which": "all"}
    )

    assert _answer(back) == {"error": "access_denied", "state": "the state & more"}
    assert again.status_code == 400


async def test_a_wrong_password_lets_nobody_in(visitor: Visitor) -> None:
    person = await visitor.first()
    made = await visitor.consent()
    begun = await visitor.http.get("/as/authorize", params=_query(made["ConsentId"], pkce()[1]))
    form = {"authorisation": _hidden(begun), "login": person["login"]}

    wrong = await visitor.http.post(
        "/as/authorize", data={**form, "action": "sign-in", "password": "guess"}
    )
    skipped = await visitor.http.post(
        "/as/authorize", data={**form, "action": "approve", "which": "all"}
    )

    assert wrong.status_code == 401
    assert "What may" not in skipped.text
    assert "location" not in skipped.headers


async def test_somebody_elses_account_cannot_be_chosen(visitor: Visitor) -> None:
    people = (await visitor.control("GET", "customers"))["customers"]
    foreign = people[2]["accounts"][0]["AccountId"]
    form, _ = await _at_consent_page(visitor, pkce()[1])

    answer = await visitor.http.post(
        "/as/authorize", data={"authorisation": form, "action": "approve", "account": foreign}
    )

    assert answer.status_code == 400
    assert "account of your own" in answer.text


@pytest.mark.parametrize(
    "changed", [{"client_id": "stranger"}, {"redirect_uri": "https://evil.example/"}]
)
async def test_unknown_clients_and_addresses_are_never_redirected(
    visitor: Visitor, changed: dict[str, str]
) -> None:
    made = await visitor.consent()

    answer = await visitor.http.get(
        "/as/authorize", params=_query(made["ConsentId"], pkce()[1], **changed)
    )

    assert answer.status_code == 400
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "payments"}, "invalid_scope"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"openbanking_intent_id": "aac-nothing"}, "invalid_request"),
    ],
)
async def test_other_mistakes_are_told_by_redirect(
    visitor: Visitor, changed: dict[str, str], error: str
) -> None:
    made = await visitor.consent()

    answer = await visitor.http.get(
        "/as/authorize", params=_query(made["ConsentId"], pkce()[1], **changed)
    )

    assert _answer(answer)["error"] == error


async def test_a_form_from_another_site_is_refused(visitor: Visitor) -> None:
    form, _ = await _at_consent_page(visitor, pkce()[1])

    answer = await visitor.http.post(
        "/as/authorize",
        data={"authorisation": form, "action": "approve", "which": "all"},
        headers={"Origin": "https://evil.example"},
    )

    assert answer.status_code == 403


async def test_a_code_works_once_and_its_replay_ends_what_it_gave(visitor: Visitor) -> None:
    consent = await visitor.consent()
    verifier, challenge = pkce()
    code = await visitor.approve(consent["ConsentId"], challenge)
    grant = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT,
        "code_verifier": verifier,
    }

    first = await visitor.token(**grant)
    replay = await visitor.token(**grant)

    bearer = {"Authorization": f"Bearer {first.json()['access_token']}"}
    after = await visitor.http.get(f"{AISP}/accounts", headers=bearer)
    assert first.status_code == 200
    assert (replay.status_code, replay.json()["error"]) == (400, "invalid_grant")
    assert after.status_code == 401


@pytest.mark.parametrize(
    "changed",
    [{"code_verifier": "x" * 43}, {"redirect_uri": "http://elsewhere.example/"}, {"code": "y"}],
)
async def test_a_code_needs_its_verifier_and_its_address(
    visitor: Visitor, changed: dict[str, str]
) -> None:
    consent = await visitor.consent()
    verifier, challenge = pkce()
    code = await visitor.approve(consent["ConsentId"], challenge)
    grant = {"code": code, "redirect_uri": REDIRECT, "code_verifier": verifier, **changed}

    answer = await visitor.token(grant_type="authorization_code", **grant)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_a_refresh_token_gives_a_new_access_token(visitor: Visitor) -> None:
    tokens = await visitor.tokens()

    answer = await visitor.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])

    assert answer.status_code == 200
    assert answer.json()["access_token"] != tokens["access_token"]


async def test_withdrawing_at_the_bank_ends_reading_and_refreshing(visitor: Visitor) -> None:
    tokens = await visitor.tokens()
    login = (await visitor.first())["login"]
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}

    await visitor.control("POST", "withdraw", {"consent_id": tokens["ConsentId"], "login": login})

    read = await visitor.http.get(f"{AISP}/accounts", headers=bearer)
    fresh = await visitor.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert (read.status_code, read.json()["Errors"][0]["ErrorCode"]) == (403, "U009")
    assert (fresh.status_code, fresh.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("auth", [None, (CLIENT, "wrong"), ("stranger", SECRET)])
async def test_only_the_client_itself_gets_tokens(
    visitor: Visitor, auth: tuple[str, str] | None
) -> None:
    answer = await visitor.http.post(
        "/as/token", data={"grant_type": "client_credentials"}, auth=auth
    )

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "scope": "payments"}, "invalid_scope"),
        ({"grant_type": "authorization_code"}, "invalid_request"),
        ({}, "unsupported_grant_type"),
    ],
)
async def test_token_mistakes_have_their_names(
    visitor: Visitor, fields: dict[str, str], error: str
) -> None:
    answer = await visitor.token(**fields)

    assert (answer.status_code, answer.json()["error"]) == (400, error)
