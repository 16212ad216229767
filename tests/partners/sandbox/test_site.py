"""The bank's pages, as a browser without scripts sees them."""

import re
from typing import Any

import jwt
import pytest

from tests.partners.sandbox.conftest import serving
from tests.partners.sandbox.visitor import Visitor


async def _sign_in(visitor: Visitor) -> dict[str, Any]:
    person = await visitor.first()
    form = {"login": person["login"], "password": person["password"]}
    answer = await visitor.http.post("/sign-in", data=form)
    assert answer.headers["location"] == "/accounts"
    return person


async def _claims(visitor: Visitor, token: str) -> dict[str, Any]:
    keys = (await visitor.http.get("/.well-known/jwks.json")).json()["keys"]
    key = next(jwt.PyJWK(key) for key in keys if key["alg"] == "EdDSA")
    claims: dict[str, Any] = jwt.decode(
        token, key, algorithms=["EdDSA"], audience="http://chat.portal.localhost:8000"
    )
    return claims


async def test_front_page_shows_sign_ins_of_the_sandbox(visitor: Visitor) -> None:
    person = await visitor.first()

    page = await visitor.http.get("/")

    assert page.status_code == 200
    assert person["login"] in page.text
    assert person["password"] in page.text


async def test_the_bank_that_shares_nothing_says_so(environ: dict[str, str]) -> None:
    async with serving({**environ, "SANDBOX_SLUG": "quillon"}) as (_, visitor):
        page = await visitor.http.get("/")

    assert "We share nothing" in page.text


async def test_pages_behind_the_sign_in_are_closed(visitor: Visitor) -> None:
    account = (await visitor.first())["accounts"][0]["AccountId"]

    for path in ("/accounts", f"/accounts/{account}"):
        answer = await visitor.http.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert (await visitor.http.get("/accounts/movements")).status_code == 401


async def test_buttons_buy_refund_and_alarm(visitor: Visitor) -> None:
    await _sign_in(visitor)

    for button in ("buy", "suspicious", "refund"):
        await visitor.http.post(f"/do/{button}")

    told = (await visitor.ledger())["transactions"]
    page = await visitor.http.get("/accounts")
    assert [one["kind"] for one in told] == ["CARD_PURCHASE", "CARD_PURCHASE", "CARD_REFUND"]
    assert [one["fraud_suspected"] for one in told] == [False, True, False]
    assert ">Suspected<" in page.text
    assert ">Pending<" in page.text


async def test_a_frozen_card_shows_and_declines_on_the_page(visitor: Visitor) -> None:
    person = await _sign_in(visitor)
    card = person["accounts"][0]["cards"][0]

    await visitor.http.post("/do/freeze", data={"card": card["CardId"]})
    declined = await visitor.http.post("/do/buy")

    page = await visitor.http.get("/accounts")
    assert declined.headers["location"] == "/accounts?done=declined"
    assert "Frozen today" in page.text
    assert ">Declined<" in page.text


async def test_nobody_sees_or_freezes_what_is_not_theirs(visitor: Visitor) -> None:
    await _sign_in(visitor)
    other = (await visitor.control("GET", "customers"))["customers"][2]
    account = other["accounts"][0]

    seen = await visitor.http.get(f"/accounts/{account['AccountId']}")
    frozen = await visitor.http.post("/do/freeze", data={"card": account["cards"][0]["CardId"]})

    after = (await visitor.control("GET", "customers"))["customers"][2]
    assert seen.status_code == 404
    assert frozen.headers["location"] == "/accounts?done=no-card"
    assert after == other


async def test_forms_from_other_sites_and_forged_cookies_do_nothing(visitor: Visitor) -> None:
    await _sign_in(visitor)

    foreign = await visitor.http.post("/do/buy", headers={"Origin": "https://evil.example"})
    visitor.http.cookies.clear()
    forged = await visitor.http.post("/do/buy", headers={"Cookie": "bank_session=e30.00"})

    assert foreign.status_code == 403
    assert forged.headers["location"] == "/"
    assert (await visitor.ledger())["transactions"] == []


async def test_the_widget_is_told_who_is_signed_in(visitor: Visitor) -> None:
    stranger = await visitor.http.post("/widget-token")
    person = await _sign_in(visitor)

    answer = await visitor.http.post("/widget-token")

    claims = await _claims(visitor, answer.json()["token"])
    assert stranger.status_code == 401
    assert (claims["sub"], claims["name"]) == (person["id"], person["name"])
    assert claims["iss"] == "http://aurelia-bank.localhost:8101"
    assert claims["exp"] - claims["iat"] <= 300
    assert (claims["email"], claims["email_verified"]) == (person["email"], True)


async def test_a_link_to_an_alert_survives_signing_in(visitor: Visitor) -> None:
    alert = "01936f2e-5b7a-7c3d-9e1f-0a2b4c6d8e90"
    person = (await visitor.control("GET", "customers"))["customers"][0]
    signing_in = {"login": person["login"], "password": person["password"]}

    led = await visitor.http.get(f"/accounts?chat_alert={alert}")
    home = await visitor.http.get(led.headers["location"])
    wrong = await visitor.http.post(
        "/sign-in", data=signing_in | {"password": "no", "chat_alert": alert}
    )
    right = await visitor.http.post("/sign-in", data=signing_in | {"chat_alert": alert})
    bad = await visitor.http.post("/sign-in", data=signing_in | {"chat_alert": "//evil.example"})

    field = f'<input type="hidden" name="chat_alert" value="{alert}">'
    assert led.headers["location"] == f"/?chat_alert={alert}"
    assert field in home.text
    assert field in wrong.text
    assert right.headers["location"] == f"/accounts?chat_alert={alert}"
    assert bad.headers["location"] == "/accounts"


async def test_every_widget_token_is_its_own(visitor: Visitor) -> None:
    await _sign_in(visitor)

    tokens = [(await visitor.http.post("/widget-token")).json()["token"] for _ in range(3)]

    assert len({(await _claims(visitor, token))["jti"] for token in tokens}) == 3


async def test_the_phone_needs_no_cookie_and_may_be_framed_by_the_portal(
    visitor: Visitor,
) -> None:
    person = await visitor.first()

    page = await visitor.http.get("/phone", params={"customer": person["login"]})
    found = re.search(r'data-page-nonce="([^"]+)"', page.text)
    assert found is not None
    body = {"page_nonce": found[1]}
    token = await visitor.http.post("/widget-token", json=body)
    peek = await visitor.http.post("/phone/peek", json=body)

    claims = await _claims(visitor, token.json()["token"])
    policy = page.headers["content-security-policy"]
    assert page.headers.get("set-cookie") is None
    assert "frame-ancestors 'self' http://portal.localhost:8000" in policy
    assert claims["sub"] == person["id"]
    assert "app-balance" in peek.text


@pytest.mark.parametrize("nonce", ["", "e30.00", 7, None])
async def test_a_forged_page_nonce_names_nobody(visitor: Visitor, nonce: object) -> None:
    for path in ("/widget-token", "/phone/peek"):
        answer = await visitor.http.post(path, json={"page_nonce": nonce})
        assert answer.status_code == 401


async def test_other_pages_cannot_be_framed(visitor: Visitor) -> None:
    page = await visitor.http.get("/")

    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/nothing", "/phone?customer=nobody", "/phone"])
async def test_what_is_not_there_gets_a_page_that_says_so(visitor: Visitor, path: str) -> None:
    answer = await visitor.http.get(path)

    assert answer.status_code == 404
    assert "Banca Aurelia" in answer.text


async def test_an_odd_page_number_shows_the_first_page(visitor: Visitor) -> None:
    person = await _sign_in(visitor)
    path = f"/accounts/{person['accounts'][0]['AccountId']}"

    pages = [await visitor.http.get(f"{path}?page={number}") for number in ("", "-1", "x", "²")]

    assert [page.status_code for page in pages] == [200, 200, 200, 200]
