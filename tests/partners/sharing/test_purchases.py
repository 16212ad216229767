"""Receipts and shipments over REST: gated, masked, paged, disclosed."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.consent.actions import revoke_consent
from accounts.consent.models import Consent
from accounts.disclosure.models import Disclosure
from partners.feeds.models import Feed
from partners.ledger.models import Entry
from portal.tenancy.blocks import serving
from tests.factories.accounts import Household, make_entry, make_household
from tests.factories.messaging import open_session_of
from tests.factories.purchases import tell_receipt, tell_shipment
from tests.partners.sharing.test_api import Program, make_program, read, slug

pytestmark = pytest.mark.django_db
BOTH = pytest.mark.parametrize("kind", ["receipts", "shipments"])


@pytest.fixture
def home() -> Household:
    return make_household()


@pytest.fixture
def bought(home: Household) -> Entry:
    return make_entry(home.account)


@pytest.fixture
def program(home: Household) -> Program:
    return make_program(home)


def listed(program: Program, home: Household, kind: str, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read(program.get(f"accounts/{home.account.id}/{kind}{query}"))[
        kind
    ]
    return found


def test_a_receipt_leaves_whole_and_adds_up_in_what_it_says(
    home: Household, bought: Entry, program: Program
) -> None:
    tell_receipt(bought, discount_minor=20, total_minor=1400)

    (receipt,) = listed(program, home, "receipts")

    amounts = [Decimal(each["amount"]["amount"]) for each in receipt["lines"]]
    assert receipt["transaction_id"] == str(bought.id)
    assert [each["quantity"] for each in receipt["lines"]] == ["2", "0.742", "1"]
    assert [each["unit"] for each in receipt["lines"]] == [None, "kg", None]
    assert sum(amounts) == Decimal(receipt["subtotal"]["amount"])
    assert sum(amounts) - Decimal(receipt["discount"]["amount"]) == Decimal(
        receipt["total"]["amount"]
    )
    assert receipt["total"] == {"amount": "14.00", "currency": "EUR"}
    assert receipt["tax_included"] is True


def test_a_shipment_leaves_as_it_is_now_under_one_id(
    home: Household, bought: Entry, program: Program
) -> None:
    first = tell_shipment(bought, external_id="shp-one")
    (before,) = listed(program, home, "shipments")
    tell_shipment(bought, "delivered", external_id="shp-one", revision=2)

    (after,) = listed(program, home, "shipments")

    assert (before["id"], after["id"]) == (str(first.id), str(first.id))
    assert (before["status"], after["status"]) == ("in_transit", "delivered")
    assert (before["revision"], after["revision"]) == (1, 2)
    assert after["events"][0]["place"] == "Deposito Vialeta"


def test_a_parcel_names_its_receipt_once_there_is_one_and_both_are_shared(
    home: Household, bought: Entry, program: Program
) -> None:
    tell_shipment(bought)
    (before,) = listed(program, home, "shipments")
    receipt = tell_receipt(bought)
    (after,) = listed(program, home, "shipments")
    tell_receipt(bought)
    (two,) = listed(program, home, "shipments")
    with serving(home.bank_id):
        Feed.objects.filter(kind="receipts").update(enabled=False)
    (alone,) = listed(program, home, "shipments")

    found = [each["receipt_id"] for each in (before, after, two, alone)]
    assert found == [None, str(receipt.id), None, None]


@BOTH
def test_what_the_bank_masks_is_null(
    home: Household, bought: Entry, program: Program, kind: str
) -> None:
    tell_receipt(bought)
    tell_shipment(bought)
    masks = ["merchant_name", "merchant_place", "lines", "issued_at"]
    masks += ["carrier", "tracking_code", "places"]
    with serving(home.bank_id):
        Feed.objects.filter(kind=kind).update(masked_fields=masks)

    (one,) = listed(program, home, kind)

    assert {name for name in masks if one.get(name) is not None} == set()
    if kind == "receipts":
        assert one["total"]["amount"] == "14.20"
    else:
        assert [each["place"] for each in one["events"]] == [None]


@BOTH
def test_only_what_belongs_to_a_payment_that_is_known_and_stays_is_listed(
    home: Household, bought: Entry, program: Program, kind: str
) -> None:
    gone = make_entry(home.account, status="removed")
    for entry in (bought, gone):
        tell_receipt(entry)
        tell_shipment(entry)
    tell_receipt(bought, transaction_external_id="nobody-knows")
    tell_shipment(bought, transaction_external_id="nobody-knows")

    assert [each["transaction_id"] for each in listed(program, home, kind)] == [str(bought.id)]


@BOTH
def test_nothing_of_a_payment_before_the_allowed_history_leaves(
    home: Household, bought: Entry, kind: str
) -> None:
    today = timezone.now().date()
    program = make_program(home, history_from=today - timedelta(days=30))
    old = make_entry(home.account, booked_on=today - timedelta(days=31))
    for entry in (bought, old):
        tell_receipt(entry)
        tell_shipment(entry)

    assert [each["transaction_id"] for each in listed(program, home, kind)] == [str(bought.id)]


@BOTH
def test_pages_follow_each_other_without_gap_or_repeat(
    home: Household, bought: Entry, program: Program, kind: str
) -> None:
    tell = tell_receipt if kind == "receipts" else tell_shipment
    told = [str(tell(bought).id) for _ in range(5)]

    seen, query = [], "?limit=2"
    while True:
        page = read(program.get(f"accounts/{home.account.id}/{kind}{query}"))
        seen += [each["id"] for each in page[kind]]
        if not page["has_more"]:
            break
        query = f"?limit=2&cursor={page['next_cursor']}"

    assert seen == told[::-1]
    assert page["next_cursor"] is None


@BOTH
def test_of_one_transaction_where_it_is_named(
    home: Household, bought: Entry, program: Program, kind: str
) -> None:
    other = make_entry(home.account)
    for entry in (bought, other):
        tell_receipt(entry)
        tell_shipment(entry)

    mine = listed(program, home, kind, f"?transaction_id={other.id}")
    none = listed(program, home, kind, f"?transaction_id={uuid4()}")

    assert [each["transaction_id"] for each in mine] == [str(other.id)]
    assert none == []


@BOTH
@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("limit=0", "invalid-request"),
        ("limit=501", "invalid-request"),
        ("transaction_id=x", "invalid-request"),
        ("order=up", "invalid-request"),
        ("cursor=nonsense", "bad-cursor"),
    ],
)
def test_odd_parameters_are_refused(
    home: Household, program: Program, kind: str, query: str, problem: str
) -> None:
    answered = program.get(f"accounts/{home.account.id}/{kind}?{query}")

    assert (answered.status_code, slug(answered)) == (400, problem)


def test_a_cursor_is_good_for_the_list_and_the_transaction_that_it_was_given_for(
    home: Household, bought: Entry, program: Program
) -> None:
    for _ in range(2):
        tell_receipt(bought)
        tell_shipment(bought)
    page = read(program.get(f"accounts/{home.account.id}/receipts?limit=1"))
    cursor = page["next_cursor"]

    for path in (
        f"shipments?cursor={cursor}",
        f"receipts?cursor={cursor}&transaction_id={bought.id}",
    ):
        answered = program.get(f"accounts/{home.account.id}/{path}")
        assert (answered.status_code, slug(answered)) == (400, "bad-cursor")


@BOTH
def test_each_is_its_own_feed_for_the_customer_the_bank_and_the_program(
    home: Household, bought: Entry, kind: str
) -> None:
    tell_receipt(bought)
    tell_shipment(bought)
    path = f"accounts/{home.account.id}/{kind}"
    others = [each for each in ("transactions", "receipts", "shipments") if each != kind]
    not_asked = make_program(home, feeds=others)
    narrow = make_program(home)
    narrow_token = Program(narrow.client, narrow.reference, scope=" ".join(others))
    open_to_all = make_program(home)
    read(open_to_all.get(path))

    refused = [slug(each.get(path)) for each in (not_asked, narrow_token)]
    with serving(home.bank_id):
        Feed.objects.filter(kind=kind).update(enabled=False)
    off = slug(open_to_all.get(path))

    assert (refused, off) == (["no-consent", "not-registered"], "bank-not-sharing")


@BOTH
def test_revoking_takes_effect_on_the_next_read(
    home: Household, bought: Entry, program: Program, kind: str
) -> None:
    tell_receipt(bought)
    tell_shipment(bought)
    assert len(listed(program, home, kind)) == 1
    with serving(home.bank_id):
        consent_id = Consent.objects.get(client=program.client).id
        revoke_consent(consent_id=consent_id, at=timezone.now(), by="customer")

    answered = program.get(f"accounts/{home.account.id}/{kind}")

    assert (answered.status_code, slug(answered)) == (403, "consent-revoked")


@BOTH
def test_a_read_is_disclosed_and_an_unchanged_one_is_not_sent_twice(
    home: Household, bought: Entry, program: Program, kind: str
) -> None:
    tell_receipt(bought)
    tell_shipment(bought)
    path = f"accounts/{home.account.id}/{kind}"

    first = program.get(path)
    again = program.get(path, **{"If-None-Match": first.headers["ETag"]})

    with serving(home.bank_id):
        rows = list(Disclosure.objects.filter(feed=kind).values_list("row_count", "decision"))
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert rows == [(1, "released"), (1, "released")]


@BOTH
def test_another_customers_account_does_not_exist(home: Household, kind: str) -> None:
    stranger = make_household(home.bank)
    program = make_program(stranger)

    answered = program.get(f"accounts/{home.account.id}/{kind}")

    assert (answered.status_code, slug(answered)) == (404, "not-found")


@BOTH
def test_a_customer_in_the_chat_reads_the_same_path(
    home: Household, bought: Entry, client: Any, kind: str
) -> None:
    tell_receipt(bought)
    tell_shipment(bought)
    make_program(home)
    session = open_session_of(home.bank, home.customer)

    answered = client.get(f"/api/v1/accounts/{home.account.id}/{kind}", headers=session.headers)

    # The program's consent is not the chat's.
    assert (answered.status_code, slug(answered)) == (403, "no-consent")
