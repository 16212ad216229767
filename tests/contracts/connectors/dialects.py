"""A bank's side of each connector: the answers that the one suite puts to all of them."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.utils import base64url_encode

from partners.connectors.base import BankAddress, Grant, Request, Response

NOW = datetime(2026, 3, 30, 9, 0, tzinfo=UTC)
ACCOUNT = "acc-0001"
GRANT = Grant("access-1", "consent-1")
ORIGIN = "https://api.northmoor-bank.example"
ADDRESS = BankAddress(
    base_url=ORIGIN,
    authorize_url="https://login.northmoor-bank.example/as/authorize",
    token_url="https://login.northmoor-bank.example/as/token",
    client_id="portal-client",
    client_secret="not-a-real-secret",
    redirect_uri="https://chat.portal.example/link/callback",
    jwks_url=f"{ORIGIN}/.well-known/jwks.json",
    zone=ZoneInfo("Europe/London"),
)


@dataclass(frozen=True)
class Row:
    """A transaction as people speak of it; each dialect writes it in its own words."""

    external_id: str = "t-1"
    amount: str = "12.30"
    currency: str = "GBP"
    credit: bool = False
    pending: bool = False
    booked: str = "2026-03-28T10:15:00+00:00"
    account: str = ACCOUNT
    extra: Mapping[str, object] = field(default_factory=dict)


class Dialect(Protocol):
    @property
    def names_accounts(self) -> bool:
        """Whether balances and rows say by its id whose they are."""
        ...

    @property
    def links_pages(self) -> bool:
        """Whether a page names the next one by an address."""
        ...

    def asks_for(self, request: Request, following: str) -> bool:
        """Whether a request is for the page that `following` named."""
        ...

    def abroad(self) -> Mapping[str, object]:
        """All that a row may say of a card payment in another currency."""
        ...

    def token(self, **changes: object) -> Response: ...
    def refused_grant(self) -> Response: ...
    def consent(self) -> Response: ...
    def accounts(self, kinds: Sequence[str]) -> Response: ...
    def balances(self, *, amount: str, credit: bool, account: str = ACCOUNT) -> Response: ...
    def page(self, rows: Sequence[Row | object], *, following: str | None = None) -> Response: ...
    def following(self) -> str: ...
    def frozen(self, instruction_id: str, **changes: object) -> Response: ...
    def decided(self, decision_id: str, **changes: object) -> Response: ...
    def receipts(self, rows: Sequence[object], **changes: object) -> Response: ...
    def shipments(self, rows: Sequence[object], **changes: object) -> Response: ...


def receipt_row(**changes: object) -> dict[str, object]:
    """A receipt that adds up, by the partner API; all of today's connectors read that one."""
    return {
        "ReceiptId": "rcp-1",
        "AccountId": ACCOUNT,
        "TransactionId": "t-1",
        "Revision": 1,
        "Merchant": {"Name": "Corner Larder", "Place": "Northmoor"},
        "IssuedAt": "2026-03-30T09:15:00+01:00",
        "Currency": "GBP",
        "Lines": [
            {
                "Description": "Vine tomatoes",
                "Quantity": "0.742",
                "Unit": "kg",
                "UnitPrice": "2.98",
                "Amount": "2.21",
            },
            {
                "Description": "Tea bags 80",
                "Quantity": "2",
                "UnitPrice": "3.10",
                "Discount": "1.00",
                "Amount": "5.20",
            },
            {
                "Description": "Bottle returned",
                "Quantity": "1",
                "UnitPrice": "-0.20",
                "Amount": "-0.20",
            },
        ],
        "Discount": "0.21",
        "Tax": {"Amount": "0.40", "Included": True},
        "Total": "7.00",
        **changes,
    }


def shipment_row(**changes: object) -> dict[str, object]:
    """A parcel on its way, by the partner API."""
    return {
        "ShipmentId": "shp-1",
        "AccountId": ACCOUNT,
        "TransactionId": "t-1",
        "Revision": 2,
        "Merchant": {"Name": "Tarn Outdoor"},
        "Carrier": "Heronpost",
        "TrackingCode": "HP0123456789GB",
        "Status": "packed",
        "ExpectedOn": "2026-04-02",
        "UpdatedAt": "2026-03-30T09:15:00+01:00",
        "Events": [
            {"At": "2026-03-30T09:15:00+01:00", "Status": "packed", "Place": "Ferriby"},
            {"At": "2026-03-29T19:40:00+01:00", "Status": "ordered", "Text": "Order received"},
        ],
        **changes,
    }


# Before an amount that is written as a JSON number.
_NUMBER = "number:"


def answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    told = {"Content-Type": "application/json"} | dict(headers or {})
    written = re.sub(rf'"{_NUMBER}([^"]*)"', r"\1", json.dumps(body))
    return Response(status, told, written.encode())


@dataclass(frozen=True)
class UkWords:
    version: str
    pending: str
    posted: str
    awaiting: str
    available: str
    booked: str
    type_field: str
    kinds: Mapping[str, str]


V4 = UkWords(
    "v4.0",
    "PDNG",
    "BOOK",
    "AWAU",
    "ITAV",
    "ITBD",
    "AccountTypeCode",
    {"current": "CACC", "savings": "SVGS", "credit_card": "CARD", "loan": "LOAN"},
)
V31 = UkWords(
    "v3.1",
    "Pending",
    "Booked",
    "AwaitingAuthorisation",
    "InterimAvailable",
    "InterimBooked",
    "AccountSubType",
    {
        "current": "CurrentAccount",
        "savings": "Savings",
        "credit_card": "CreditCard",
        "loan": "Loan",
    },
)


class PartnerAnswers:
    """What every dialect's bank answers alike: tokens, and our own interface."""

    links_pages = True

    def asks_for(self, request: Request, following: str) -> bool:
        return request.url == following

    def token(self, **changes: object) -> Response:
        granted = {
            "access_token": "access-1",
            "refresh_token": "refresh-1",
            "token_type": "Bearer",
            "expires_in": 600,
        }
        kept = (granted | changes).items()
        return answer({name: value for name, value in kept if value is not None})

    def refused_grant(self) -> Response:
        return answer({"error": "invalid_grant"}, 400)

    def frozen(self, instruction_id: str, **changes: object) -> Response:
        outcome = {
            "InstructionId": instruction_id,
            "Status": "done",
            "SettledAt": "2026-03-30T09:00:02Z",
            "FailureReason": None,
        }
        return answer(outcome | changes)

    def decided(self, decision_id: str, **changes: object) -> Response:
        outcome = {
            "DecisionId": decision_id,
            "Status": "done",
            "SettledAt": "2026-03-30T09:00:02Z",
            "FailureReason": None,
        }
        return answer(outcome | changes)

    def receipts(self, rows: Sequence[object], **changes: object) -> Response:
        return answer({"Receipt": list(rows), "Cursor": "place-2", "HasMore": False} | changes)

    def shipments(self, rows: Sequence[object], **changes: object) -> Response:
        return answer({"Shipment": list(rows), "Cursor": "place-2", "HasMore": False} | changes)


@dataclass(frozen=True)
class UkDialect(PartnerAnswers):
    words: UkWords

    names_accounts = True

    @property
    def base(self) -> str:
        return f"{ORIGIN}/open-banking/{self.words.version}/aisp"

    def abroad(self) -> Mapping[str, object]:
        return {
            "ValueDateTime": "2026-03-30T00:00:00+01:00",
            "TransactionInformation": "CARD 4821 LISBOA",
            "CurrencyExchange": {
                "SourceCurrency": "EUR",
                "TargetCurrency": "GBP",
                "UnitCurrency": "GBP",
                "ExchangeRate": 1.1523,
                "InstructedAmount": {"Amount": "14.17", "Currency": "EUR"},
            },
            "MerchantDetails": {
                "MerchantName": "Pastelaria Aurora",
                "MerchantCategoryCode": "5812",
            },
            "CardInstrument": {"CardSchemeName": "VISA", "Identification": "**** 4821"},
            "ProprietaryBankTransactionCode": {"Code": "CARD_PURCHASE", "Issuer": "Northmoor"},
            "BankTransactionCode": {"Code": "CCRD", "SubCode": "POSD"},
            "SupplementaryData": {"FraudSignal": "suspected", "CardId": "c-1"},
        }

    def consent(self) -> Response:
        return answer({"Data": {"ConsentId": "consent-1", "Status": self.words.awaiting}}, 201)

    def accounts(self, kinds: Sequence[str]) -> Response:
        listed = [
            {
                "AccountId": f"acc-{position:04}",
                "Currency": "GBP",
                self.words.type_field: self.words.kinds[kind],
                "Nickname": f"My {kind}",
                "Account": [
                    {
                        "SchemeName": "UK.OBIE.SortCodeAccountNumber",
                        "Identification": f"0000000000{position:04}",
                    }
                ],
            }
            for position, kind in enumerate(kinds, start=1)
        ]
        return answer({"Data": {"Account": listed}, "Links": {"Self": f"{self.base}/accounts"}})

    def balances(self, *, amount: str, credit: bool, account: str = ACCOUNT) -> Response:
        listed = [
            {
                "AccountId": account,
                "CreditDebitIndicator": "Credit" if credit else "Debit",
                "Type": kind,
                "DateTime": "2026-03-30T08:59:00+01:00",
                "Amount": {"Amount": amount, "Currency": "GBP"},
            }
            for kind in (self.words.available, self.words.booked)
        ]
        return answer({"Data": {"Balance": listed}})

    def page(self, rows: Sequence[Row | object], *, following: str | None = None) -> Response:
        links = {"Self": f"{self.base}/accounts/{ACCOUNT}/transactions"}
        if following is not None:
            links["Next"] = following
        written = [self.row(row) if isinstance(row, Row) else row for row in rows]
        return answer({"Data": {"Transaction": written}, "Links": links, "Meta": {}})

    def row(self, row: Row) -> dict[str, object]:
        return {
            "AccountId": row.account,
            "TransactionId": row.external_id,
            "CreditDebitIndicator": "Credit" if row.credit else "Debit",
            "Status": self.words.pending if row.pending else self.words.posted,
            "BookingDateTime": row.booked,
            "Amount": {"Amount": row.amount, "Currency": row.currency},
            **row.extra,
        }

    def following(self) -> str:
        return f"{self.base}/accounts/{ACCOUNT}/transactions?page=2"


class BerlinGroupDialect(PartnerAnswers):
    names_accounts = False
    base = f"{ORIGIN}/psd2/v1"
    kinds: Mapping[str, str] = {
        "current": "CACC",
        "savings": "SVGS",
        "credit_card": "CARD",
        "loan": "LOAN",
    }

    def abroad(self) -> Mapping[str, object]:
        return {
            "entryReference": "e-1",
            "valueDate": "2026-03-30",
            "remittanceInformationUnstructured": "CARD 4821 LISBOA",
            "currencyExchange": [
                {
                    "sourceCurrency": "EUR",
                    "targetCurrency": "GBP",
                    "unitCurrency": "EUR",
                    "exchangeRate": "0.8678",
                    "quotationDate": "2026-03-28",
                    "instructedAmount": {"amount": "14.17", "currency": "EUR"},
                }
            ],
            "creditorName": "Pastelaria Aurora",
            "merchantCategoryCode": "5812",
            "maskedPan": "************4821",
            "proprietaryBankTransactionCode": "CARD_PURCHASE",
            "bankTransactionCode": "PMNT-CCRD-POSD",
            "SupplementaryData": {
                "FraudSignal": "suspected",
                "CardId": "c-1",
                "OccurredAt": "2026-03-28T10:15:00+00:00",
            },
        }

    def consent(self) -> Response:
        told = {
            "consentStatus": "received",
            "consentId": "consent-1",
            "_links": {"scaOAuth": {"href": f"{ORIGIN}/.well-known/oauth-authorization-server"}},
        }
        return answer(told, 201)

    def consent_status(self, status: str) -> Response:
        return answer({"consentStatus": status})

    def refused(self, status: int, code: str) -> Response:
        return answer({"tppMessages": [{"category": "ERROR", "code": code}]}, status)

    def accounts(self, kinds: Sequence[str]) -> Response:
        listed = [
            {
                "resourceId": f"acc-{position:04}",
                "iban": f"GB00NORT0000000000{position:04}",
                "currency": "GBP",
                "displayName": f"My {kind}",
                "cashAccountType": self.kinds[kind],
            }
            for position, kind in enumerate(kinds, start=1)
        ]
        return answer({"accounts": listed})

    def balances(self, *, amount: str, credit: bool, account: str = ACCOUNT) -> Response:  # noqa: ARG002  # never named
        listed = [
            {
                "balanceType": kind,
                "balanceAmount": {"amount": signed(amount, credit=credit), "currency": "GBP"},
                "lastChangeDateTime": "2026-03-30T08:59:00+01:00",
            }
            for kind in ("interimAvailable", "interimBooked")
        ]
        return answer({"balances": listed})

    def page(self, rows: Sequence[Row | object], *, following: str | None = None) -> Response:
        ways: dict[str, object] = {"account": {"href": f"/psd2/v1/accounts/{ACCOUNT}"}}
        if following is not None:
            ways["next"] = {"href": following}
        pending = [row for row in rows if isinstance(row, Row) and row.pending]
        listed = {
            "pending": [self.row(row) for row in pending],
            "booked": [
                self.row(row) if isinstance(row, Row) else row
                for row in rows
                if row not in pending
            ],
        }
        return answer({"transactions": listed | {"_links": ways}})

    def row(self, row: Row) -> dict[str, object]:
        return {
            "transactionId": row.external_id,
            "bookingDate": row.booked,
            "transactionAmount": {
                "amount": signed(row.amount, credit=row.credit),
                "currency": row.currency,
            },
            **row.extra,
        }

    def following(self) -> str:
        return f"{self.base}/accounts/{ACCOUNT}/transactions?page=2"


class CursorSyncDialect(PartnerAnswers):
    names_accounts = True
    links_pages = False
    kinds: Mapping[str, tuple[str, str]] = {
        "current": ("depository", "checking"),
        "savings": ("depository", "savings"),
        "credit_card": ("credit", "credit card"),
        "loan": ("loan", "consumer"),
    }

    def asks_for(self, request: Request, following: str) -> bool:
        at_its_address = request.url == f"{ORIGIN}/sync/transactions/sync"
        return at_its_address and json.loads(request.body)["cursor"] == following

    def abroad(self) -> Mapping[str, object]:
        return {
            "authorized_datetime": "2026-03-28T10:15:00+00:00",
            "datetime": "2026-03-30T00:00:00Z",
            "original_description": "CARD 4821 LISBOA",
            "name": "Pastelaria",
            "merchant_name": "Pastelaria Aurora",
            "location": {"country": "PT"},
            "transaction_code": "purchase",
            "personal_finance_category": {"primary": "FOOD_AND_DRINK", "detailed": "BAKERY"},
            "pending_transaction_id": "p-1",
            "SupplementaryData": {
                "FraudSignal": "suspected",
                "CardId": "c-1",
                "CardMask": "**** 4821",
                "MerchantCategoryCode": "5812",
                "OriginalAmount": {"Amount": "14.17", "Currency": "EUR"},
                "ExchangeRate": "0.8678",
            },
        }

    def consent(self) -> Response:
        return self.answered({"link_token": "consent-1", "expiration": "2026-03-30T13:00:00Z"})

    def refused(self, code: str, *, status: int = 400, kind: str = "ITEM_ERROR") -> Response:
        told = {"error_type": kind, "error_code": code, "error_message": "private words"}
        return answer(told | {"display_message": None, "request_id": "r-1"}, status)

    def answered(self, body: Mapping[str, object]) -> Response:
        return answer({**body, "request_id": "r-1"})

    def accounts(self, kinds: Sequence[str]) -> Response:
        listed = [
            {
                "account_id": f"acc-{position:04}",
                "mask": f"{position:04}",
                "name": f"My {kind}",
                "official_name": None,
                "type": self.kinds[kind][0],
                "subtype": self.kinds[kind][1],
                "balances": self.holding(0.0, 0.0),
            }
            for position, kind in enumerate(kinds, start=1)
        ]
        return self.answered({"accounts": listed, "item": {"item_id": "item-1"}})

    def holding(self, available: object, current: object) -> dict[str, object]:
        return {
            "available": available,
            "current": current,
            "limit": None,
            "iso_currency_code": "GBP",
            "unofficial_currency_code": None,
            "last_updated_datetime": "2026-03-30T08:59:00+01:00",
        }

    def balances(self, *, amount: str, credit: bool, account: str = ACCOUNT) -> Response:
        held = number(amount, negative=not credit)
        listed = {"account_id": account, "type": "depository", "subtype": "checking"}
        return self.answered({"accounts": [listed | {"balances": self.holding(held, held)}]})

    def page(self, rows: Sequence[Row | object], *, following: str | None = None) -> Response:
        return self.told(added=rows, following=following)

    def told(
        self,
        *,
        added: Sequence[Row | object] = (),
        modified: Sequence[Row | object] = (),
        removed: Sequence[str] = (),
        following: str | None = None,
        **changes: object,
    ) -> Response:
        written = {
            name: [self.row(row) if isinstance(row, Row) else row for row in rows]
            for name, rows in (("added", added), ("modified", modified))
        }
        gone = [{"transaction_id": each, "account_id": ACCOUNT} for each in removed]
        more = {
            "removed": gone,
            "accounts": [],
            "next_cursor": following or "cursor-end",
            "has_more": following is not None,
            "transactions_update_status": "HISTORICAL_UPDATE_COMPLETE",
        }
        return self.answered(written | more | changes)

    def row(self, row: Row) -> dict[str, object]:
        return {
            "account_id": row.account,
            "transaction_id": row.external_id,
            "pending": row.pending,
            "date": row.booked,
            "datetime": row.booked,
            "amount": number(row.amount, negative=row.credit),
            "iso_currency_code": row.currency,
            "unofficial_currency_code": None,
            **row.extra,
        }

    def following(self) -> str:
        return "cursor-2"


def number(amount: str, *, negative: bool) -> object:
    """An amount as this dialect writes one, a JSON number; what is none stays the text that it is.

    A number is marked, and loses the mark and its quotes where the answer is written: no float comes near it.
    """
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", amount, re.ASCII):
        return amount
    return f"{_NUMBER}{'-' if negative else ''}{amount}"


def signed(amount: str, *, credit: bool) -> str:
    return amount if credit else f"-{amount}"


DIALECTS: Mapping[str, Dialect] = {
    "berlin_group": BerlinGroupDialect(),
    "cursor_sync": CursorSyncDialect(),
    "uk_open_banking": UkDialect(V4),
    "uk_open_banking_3_1": UkDialect(V31),
}


# What banks sign. All of today's connectors take the one shape of event.


@cache
def signing_key(_name: str) -> rsa.RSAPrivateKey:
    """A key for each name, made once a run."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwks(*names: str) -> dict[str, object]:
    keys = []
    for name in names or ("event-key-1",):
        key: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(
            signing_key(name).public_key(), as_dict=True
        )
        keys.append(key | {"kid": name, "use": "sig", "alg": "PS256"})
    return {"keys": keys}


def claims(**changes: object) -> dict[str, object]:
    link = f"{ORIGIN}/open-banking/v4.0/aisp/accounts/{ACCOUNT}"
    subject = {
        "subject_type": "http://openbanking.org.uk/rid_http://openbanking.org.uk/rty",
        "http://openbanking.org.uk/rid": ACCOUNT,
        "http://openbanking.org.uk/rty": "account",
        "http://openbanking.org.uk/rlk": [{"version": "v4.0", "link": link}],
    }
    return {
        "iss": ORIGIN,
        "iat": int(NOW.timestamp()),
        "jti": "b460a07c-4962-43d1-85ee-9dc10fbb8f6c",
        "aud": ADDRESS.client_id,
        "sub": f"{link}/transactions",
        "txn": "txn-1",
        "toe": int(NOW.timestamp()) - 1,
        "events": {"urn:uk:org:openbanking:events:resource-update": {"subject": subject}},
    } | changes


def notification(
    said: Mapping[str, object] | None = None,
    *,
    signed_by: str = "event-key-1",
    **headers: object,
) -> bytes:
    """A token as the bank pushes it, signed over whatever header and claims it is given."""
    header = {"alg": "PS256", "kid": signed_by, "typ": "JWT"} | headers
    parts = (json.dumps(header).encode(), json.dumps(said or claims()).encode())
    message = b".".join(base64url_encode(part) for part in parts)
    algorithm = jwt.get_algorithm_by_name(str(header["alg"]))
    return message + b"." + base64url_encode(algorithm.sign(message, signing_key(signed_by)))
