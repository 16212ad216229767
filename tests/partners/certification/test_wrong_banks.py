"""Banks that are wrong in one thing: the check names that thing, and nothing else."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from partners.connectors.base import Request, Response
from tests.contracts.between import Between
from tests.partners.certification.conftest import (
    ACCOUNTS,
    LINKED,
    PAID,
    ROWS,
    Wrong,
    check,
    codes,
    edited,
    homely,
)
from tests.sandbox_bank import SandboxBank

pytestmark = pytest.mark.slow

JSON = {"content-type": "application/json"}


def when(condition: Callable[[Request], bool], **changes: Any) -> Wrong:
    """Those answers instead."""
    return lambda request, response: (
        replace(response, **changes) if condition(request) else response
    )


def asks(method: str, *parts: str) -> Callable[[Request], bool]:
    return lambda request: request.method == method and all(part in request.url for part in parts)


def when_answered(answered: int, *, method: str = "", at: str = "", **changes: Any) -> Wrong:
    """Answers of that status otherwise."""

    def wrong(request: Request, response: Response) -> Response:
        meant = (
            response.status == answered and at in request.url and request.method.startswith(method)
        )
        return replace(response, **changes) if meant else response

    return wrong


def with_header(name: str, value: str, *, at: str = "") -> Wrong:
    return lambda request, response: (
        replace(response, headers={**response.headers, name: value})
        if at in request.url
        else response
    )


def form_has(text: bytes) -> Callable[[Request], bool]:
    return lambda request: request.url == "/as/token" and text in request.body


def rows_of(whole: Any) -> list[Any]:
    return list(whole["Data"].get("Transaction", []))


def without_header(name: str) -> Wrong:
    def wrong(_request: Request, response: Response) -> Response:
        kept = {key: value for key, value in response.headers.items() if key.lower() != name}
        return replace(response, headers=kept)

    return wrong


def each_row(change: Callable[[Any], Any]) -> Wrong:
    def changed(whole: Any) -> None:
        for row in rows_of(whole):
            change(row)

    return edited(changed, at="/transactions")


def each_account(change: Callable[[Any], Any]) -> Wrong:
    def changed(whole: Any) -> None:
        for account in whole["Data"]["Account"]:
            change(account)

    return edited(changed, at="/aisp/accounts?"[:-1])


counted = {"number": 0}


def shifting_ids(request: Request, response: Response) -> Response:
    """The bank that numbers its rows anew each time."""
    if "/transactions" not in request.url or response.status != 200:
        return response
    counted["number"] += 1
    whole = json.loads(response.body)
    for row in rows_of(whole):
        row["TransactionId"] = f"{row['TransactionId']}-{counted['number']}"
    return replace(response, body=json.dumps(whole).encode())


def overlapping_pages(request: Request, response: Response) -> Response:
    """The last row of each page comes on the next one too."""
    if "/transactions" not in request.url or response.status != 200:
        return response
    whole = json.loads(response.body)
    rows = rows_of(whole)
    kept = counted.get("last")
    if "page=" in request.url and kept:
        whole["Data"]["Transaction"] = [kept, *rows]
    counted["last"] = rows[-1] if rows else None  # type: ignore[assignment]
    return replace(response, body=json.dumps(whole).encode())


def unfiltered(request: Request, response: Response) -> Response:
    """A row of long ago comes whatever was asked."""
    if "/transactions" not in request.url or response.status != 200:
        return response
    whole = json.loads(response.body)
    old = [
        row | {"TransactionId": "old", "BookingDateTime": "2020-01-02T10:00:00Z"}
        for row in rows_of(whole)[:1]
    ]
    whole["Data"]["Transaction"] = rows_of(whole) + old
    return replace(response, body=json.dumps(whole).encode())


def half_of_a_window(request: Request, response: Response) -> Response:
    """Every other row is lost where less than the whole year is asked for."""
    asked = parse_qs(urlsplit(request.url).query).get("fromBookingDateTime", ["0"])[0]
    if asked[:10] < str(datetime.now(UTC).date() - timedelta(days=300)):
        return response
    halved = edited(
        lambda whole: mark(whole["Data"], Transaction=rows_of(whole)[::2]), at="/trans"
    )
    return halved(request, response)


def publish(**key: str) -> Wrong:
    def changed(whole: Any) -> None:
        for each in whole["keys"]:
            each.update(key)

    return edited(changed, at="jwks.json")


def mark(row: Any, **values: Any) -> None:
    row.update(values)


WRONG: dict[str, tuple[Wrong, tuple[str, ...], dict[str, list[str]]]] = {
    "no discovery": (
        when(asks("GET", "openid-configuration"), status=404),
        ("reach", "discovery"),
        {"discovery.document": ["no_discovery"]},
    ),
    "discovery without PKCE": (
        edited(lambda whole: whole.pop("code_challenge_methods_supported"), at="openid-conf"),
        ("reach", "discovery"),
        {"discovery.document": ["pkce_not_named"]},
    ),
    "a private key among the public ones": (
        publish(d="AQAB"),
        ("reach", "discovery"),
        {"discovery.keys": ["private_key_published"]},
    ),
    "keys for another algorithm": (
        publish(alg="RS256"),
        ("reach", "discovery"),
        {"discovery.keys": ["no_signing_key"]},
    ),
    "keys that are too short": (
        publish(n="A" * 171),
        ("reach", "discovery"),
        {"discovery.keys": ["key_too_short"]},
    ),
    "a web page instead of JSON": (
        when(
            form_has(b"client_credentials"), headers={"content-type": "text/html"}, body=b"<html>"
        ),
        LINKED,
        {"token.client": ["html_instead_of_json"]},
    ),
    "an empty answer": (
        when(form_has(b"client_credentials"), body=b""),
        LINKED,
        {"token.client": ["empty_answer"]},
    ),
    "a token of another kind": (
        edited(lambda whole: mark(whole, token_type="mac"), at="/as/token", method="POST"),
        LINKED,
        {"token.client": ["not_as_described"]},
    ),
    "a redirected interface": (
        when(form_has(b"client_credentials"), status=302, headers={"location": "/login"}),
        LINKED,
        {"token.client": ["redirected"]},
    ),
    "a wrong secret that is taken": (
        when(lambda request: request.url == "/as/token", status=200),
        ("reach", "discovery", "token.client", "token.wrong_secret"),
        {"token.wrong_secret": ["accepted"]},
    ),
    "a refusal by another name": (
        when_answered(401, body=b'{"error": "server_error"}'),
        ("reach", "discovery", "token.client", "token.wrong_secret"),
        {"token.wrong_secret": ["another_error"]},
    ),
    "a consent that waits for nobody": (
        edited(lambda whole: mark(whole["Data"], Status="AUTH"), at="consents", method="POST"),
        LINKED,
        {"consent.create": ["refused"]},
    ),
    "no page for the customer": (
        when(asks("GET", "/as/authorize"), status=403, headers=JSON, body=b"{}"),
        (*LINKED, "authorise.page"),
        {"authorise.page": ["no_page"]},
    ),
    "a redirect to a stranger": (
        lambda request, response: (
            replace(response, status=302, headers={"location": "https://attacker.example/x"})
            if "attacker" in request.url
            else response
        ),
        (*LINKED, "authorise.stranger"),
        {"authorise.stranger": ["open_redirect"]},
    ),
    "another state": (
        edited(lambda whole: mark(whole, state="mine"), at="/_control/approve", method="POST"),
        LINKED,
        {"authorise.return": ["another_state"]},
    ),
    "no code": (
        edited(lambda whole: mark(whole, code=""), at="/_control/approve", method="POST"),
        LINKED,
        {"authorise.return": ["no_code"]},
    ),
    "no refresh token": (
        edited(lambda whole: whole.pop("refresh_token", None), at="/as/token", method="POST"),
        LINKED,
        {"token.exchange": ["no_refresh_token"]},
    ),
    "tokens that may be kept by caches": (
        lambda request, response: (
            without_header("cache-control")(request, response)
            if request.url == "/as/token"
            else response
        ),
        LINKED,
        {"token.exchange": ["may_be_stored"]},
    ),
    "a made-up token that is taken": (
        when(
            asks("GET", "/aisp/accounts"),
            status=200,
            body=b'{"Data": {"Account": []}}',
            headers=JSON,
        ),
        ("reach", "discovery", "token.client", "accounts.bad_token", "accounts.no_token"),
        {"accounts.no_token": ["accepted"], "accounts.bad_token": ["accepted"]},
    ),
    "403 to a made-up token": (
        when_answered(401, status=403),
        ("reach", "discovery", "token.client", "accounts.bad_token"),
        {"accounts.bad_token": ["another_status"]},
    ),
    "no accounts": (
        edited(lambda whole: mark(whole["Data"], Account=[]), at="/aisp/accounts"),
        ACCOUNTS,
        {"accounts.list": ["no_accounts"]},
    ),
    "an account without a currency": (
        edited(lambda whole: whole["Data"]["Account"][1].pop("Currency"), at="/aisp/accounts"),
        ACCOUNTS,
        {"accounts.list": ["row_unreadable"]},
    ),
    "accounts of types unknown": (
        edited(
            lambda whole: (
                [mark(each, AccountTypeCode="XXXX") for each in whole["Data"]["Account"]] and None
            ),
            at="/aisp/accounts",
        ),
        ACCOUNTS,
        {"accounts.list": ["no_type"]},
    ),
    "balances as numbers": (
        edited(
            lambda whole: (
                [mark(each["Amount"], Amount=12.5) for each in whole["Data"]["Balance"]] and None
            ),
            at="/balances",
        ),
        (*ACCOUNTS, "balances.read"),
        {"balances.read": ["not_as_described"]},
    ),
    "balances of the future": (
        edited(
            lambda whole: (
                [mark(each, DateTime="2099-01-01T00:00:01Z") for each in whole["Data"]["Balance"]]
                and None
            ),
            at="/balances",
        ),
        (*ACCOUNTS, "balances.read"),
        {"balances.read": ["of_the_future"]},
    ),
    "no available balance": (
        edited(
            lambda whole: mark(
                whole["Data"],
                Balance=[each for each in whole["Data"]["Balance"] if each["Type"] != "ITAV"],
            ),
            at="/balances",
        ),
        (*ACCOUNTS, "balances.read"),
        {"balances.read": ["no_available_balance"]},
    ),
    "an answer to another request": (
        with_header("x-fapi-interaction-id", "x"),
        (*ACCOUNTS, "answers.interaction_id"),
        {"answers.interaction_id": ["another_interaction_id"]},
    ),
    "no interaction id": (
        without_header("x-fapi-interaction-id"),
        (*ACCOUNTS, "answers.interaction_id"),
        {"answers.interaction_id": ["no_interaction_id"]},
    ),
    "JSON by another name": (
        with_header("content-type", "text/plain", at="/aisp/"),
        (*ACCOUNTS, "answers.content_type"),
        {"answers.content_type": ["another_content_type"]},
    ),
    "amounts finer than a cent": (
        each_row(lambda row: mark(row["Amount"], Amount="1.005")),
        ROWS,
        {"transactions.read": ["row_unreadable"]},
    ),
    "rows of another account": (
        each_row(lambda row: mark(row, AccountId="another")),
        ROWS,
        {"transactions.read": ["row_unreadable"]},
    ),
    "rows in another currency": (
        each_row(
            lambda row: (
                (row.pop("CurrencyExchange", None) and None) or mark(row["Amount"], Currency="SEK")
            )
        ),
        ROWS,
        {"transactions.read": ["another_currency"]},
    ),
    "rows without ids": (
        each_row(lambda row: row.pop("TransactionId")),
        ROWS,
        {"transactions.read": ["no_transaction_id"]},
    ),
    "a next page elsewhere": (
        edited(
            lambda whole: mark(whole["Links"], Next="https://elsewhere.example/next"),
            at="/transactions",
        ),
        ROWS,
        {"transactions.read": ["not_as_described"]},
    ),
    "the same page for ever": (
        edited(lambda whole: mark(whole["Links"], Next=whole["Links"]["Self"] + "&n"), at="page="),
        (*ROWS, "transactions.paging"),
        {"transactions.paging": ["pages_without_end"]},
    ),
    "rows on two pages": (
        overlapping_pages,
        (*ROWS, "transactions.paging"),
        {"transactions.paging": ["on_two_pages"]},
    ),
    "a filter that is ignored": (
        unfiltered,
        (*ROWS, "transactions.from"),
        {"transactions.from": ["filter_ignored"]},
    ),
    "a filter that loses rows": (
        half_of_a_window,
        (*ROWS, "transactions.from"),
        {"transactions.from": ["filter_loses_rows"]},
    ),
    "a bad filter that is taken": (
        when(asks("GET", "yesterday"), status=200, headers=JSON, body=b'{"Data": {}}'),
        (*ROWS, "transactions.bad_filter"),
        {"transactions.bad_filter": ["accepted", "no_error_code"][:1]},
    ),
    "rows numbered anew each time": (
        shifting_ids,
        (*ROWS, "transactions.stable"),
        {"transactions.stable": ["renumbered"]},
    ),
    "payments that come in": (
        each_row(lambda row: mark(row, CreditDebitIndicator="Credit")),
        PAID,
        {"transactions.new": ["wrong_sign"]},
    ),
    "payments of another amount": (
        each_row(lambda row: mark(row["Amount"], Amount="11.21")),
        PAID,
        {"transactions.new": ["wrong_amount"]},
    ),
    "no fraud signal": (
        each_row(lambda row: row.pop("SupplementaryData", None)),
        (*ROWS, "transactions.fraud_signal"),
        {"transactions.fraud_signal": ["no_fraud_signal", "no_card_id"]},
    ),
    "an issuer of another name": (
        edited(lambda whole: mark(whole, issuer="https://another.example"), at="openid-conf"),
        (*PAID, "events.delivered", "events.signed"),
        {"events.signed": ["event_refused"]},
    ),
    "keys that did not sign": (
        publish(kid="next-year"),
        (*PAID, "events.delivered", "events.signed"),
        {"events.signed": ["unknown_key"]},
    ),
    "no freezes": (
        when(
            asks("PUT", "card-freezes"), status=404, headers=JSON, body=b'{"detail": "Not Found"}'
        ),
        (*ACCOUNTS, "freeze.done"),
        {"freeze.done": ["not_offered"]},
    ),
    "a freeze without a time": (
        edited(lambda whole: mark(whole, SettledAt=None), at="card-freezes", method="PUT"),
        (*ACCOUNTS, "freeze.done"),
        {"freeze.done": ["not_as_described"]},
    ),
    "a freeze in another year": (
        edited(
            lambda whole: mark(whole, SettledAt="2020-01-01T00:00:00Z"),
            at="card-freezes",
            method="PUT",
        ),
        (*ACCOUNTS, "freeze.done"),
        {"freeze.done": ["wrong_clock"]},
    ),
    "a freeze that counts twice": (
        when_answered(200, method="PUT", status=201),
        (*ACCOUNTS, "freeze.done", "freeze.repeated"),
        {"freeze.repeated": ["counted_as_new"]},
    ),
    "a conflict that is none": (
        when_answered(409, status=200),
        (*ACCOUNTS, "freeze.done", "freeze.conflict"),
        {"freeze.conflict": ["accepted"]},
    ),
    "an unknown freeze that is known": (
        when_answered(404, at="card-freezes", status=200),
        (*ACCOUNTS, "freeze.unknown"),
        {"freeze.unknown": ["accepted"]},
    ),
    "a frozen card that pays": (
        when(asks("POST", "/_control/customers", "/buy"), status=201, body=b"{}", headers=JSON),
        (*ACCOUNTS, "freeze.done", "freeze.real"),
        {"freeze.real": ["not_frozen"]},
    ),
    "no decisions": (
        when(asks("PUT", "fraud-decisions"), status=404, headers=JSON, body=b"{}"),
        (*ROWS, "transactions.fraud_signal", "decision.done"),
        {"decision.done": ["not_offered"]},
    ),
    "a signal that stays": (
        each_row(
            lambda row: mark(row.setdefault("SupplementaryData", {}), FraudSignal="suspected")
        ),
        (*ROWS, "transactions.fraud_signal", "decision.done", "decision.shown"),
        {"decision.shown": ["still_suspected"]},
    ),
    "receipts that do not add up": (
        edited(
            lambda whole: [mark(each, Total="0.01") for each in whole["Receipt"]], at="/receipts"
        ),
        (*ACCOUNTS, "receipts"),
        {"receipts.read": ["does_not_add_up"]},
    ),
    "receipts of another account": (
        edited(
            lambda whole: [mark(each, AccountId="another") for each in whole["Receipt"]],
            at="/receipts",
        ),
        (*ACCOUNTS, "receipts.read"),
        {"receipts.read": ["row_unreadable"]},
    ),
    "receipts that come again": (
        edited(lambda whole: mark(whole, Cursor="u1", HasMore=False), at="/receipts"),
        (*ACCOUNTS, "receipts"),
        {"receipts.read_on": ["told_again"]},
    ),
    "a code that is good twice": (
        when(form_has(b"authorization_code"), status=200),
        (*LINKED, "token.code_once"),
        {"token.code_once": ["accepted"]},
    ),
    "a consent that cannot be ended": (
        when(asks("DELETE", "consents"), status=403, headers=JSON, body=b"{}"),
        (*LINKED, "consent.revoke"),
        {"consent.revoke": ["refused"]},
    ),
    "a consent that goes on": (
        when_answered(401, at="/aisp/accounts", status=200),
        (*LINKED, "consent.revoke", "consent.revoked"),
        {"consent.revoked": ["accepted"]},
    ),
}


@pytest.mark.parametrize("what", sorted(WRONG))
def test_it_is_named(thawed: SandboxBank, wire: Between, what: str) -> None:
    wrong, only, expected = WRONG[what]
    counted.clear()
    counted["number"] = 0
    wire.answered = homely(thawed, wire, wrong)

    report = check(
        wire.origin, *only, patience=3.0, **({} if "issuer" in what else {"issuer": thawed.origin})
    )

    assert codes(report) == expected


def test_behind_the_wire_a_good_bank_is_good(thawed: SandboxBank, wire: Between) -> None:
    """Else the wire, and not what is done on it, would be what the checks find."""
    report = check(wire.origin, *PAID, "events", "freeze", "decision", issuer=thawed.origin)

    assert codes(report) == {}
