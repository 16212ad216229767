"""Customers, and rows of theirs that could not be read: what is shown, to whom, at which cost."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from accounts.consent.actions import note_no_consent, revoke_consent
from accounts.consent.models import ConsentEvent
from accounts.disclosure.models import Disclosure
from partners.banks.models import Customer, Staff
from partners.banks.paging import Place
from partners.console import queries
from partners.feeds.models import FeedCursor
from partners.ledger.models import Account
from partners.sync.models import SyncRun
from portal.tenancy.blocks import serving
from tests.desk import browser_of, page_of
from tests.factories.accounts import make_client, make_consent, make_household, make_link
from tests.factories.partners import make_bank, make_customer, unreadable
from tests.partners.console.scene import make_disclosure, read_by, statements, words_of

pytestmark = pytest.mark.django_db


def test_names_are_masked_everywhere() -> None:
    bank = make_bank()
    customer = make_customer(bank, display_name="Giulia Ferrante", external_id="AUR-1042")
    browser = browser_of(bank)
    for where in (
        page_of("customers", bank.slug),
        page_of("customer", bank.slug, customer.id),
    ):
        page = words_of(browser, where)
        assert "G•••• F••••" in page
        assert "AUR-1042" in page
        assert "Giulia" not in page
        assert "Ferrante" not in page


def test_customers_are_found_by_the_beginning_of_the_banks_own_reference() -> None:
    bank = make_bank()
    for reference in ("AUR-1", "AUR-10", "AUR-2", "aur-1", "BUR-1", "%UR-1"):
        make_customer(bank, external_id=reference)
    browser = browser_of(bank)

    def found(query: str) -> list[str]:
        page = browser.get(page_of("customers", bank.slug), {"q": query})
        return [each["reference"] for each in page.context["customers"]]

    assert found("AUR-1") == ["AUR-1", "AUR-10"]
    assert found("%") == ["%UR-1"]
    assert found("nobody") == []
    assert "Nobody found" in words_of(browser, page_of("customers", bank.slug) + "?q=nobody")


def test_ten_thousand_customers_cost_a_page_no_more_than_fifty() -> None:
    bank = make_bank()
    browser = browser_of(bank)
    where = page_of("customers", bank.slug)
    with serving(bank.id):
        Customer.objects.bulk_create(
            Customer(external_id=f"C-{n:05d}", display_name="Ada Byron") for n in range(50)
        )
    few = statements(browser, where)
    with serving(bank.id):
        Customer.objects.bulk_create(
            Customer(external_id=f"C-{n:05d}", display_name="Ada Byron") for n in range(50, 10_000)
        )
        deep = queries.customers_page(query="", place=Place("after", "C-09900"))
    assert next(each.external_id for each in deep.rows) == "C-09901"
    assert statements(browser, where) == few
    seen: list[str] = []
    url = where
    for _ in range(4):
        page = browser.get(url)
        seen += [each["reference"] for each in page.context["customers"]]
        url = where + page.context["page"]["older_url"]
    assert seen == [f"C-{n:05d}" for n in range(100)]
    back = browser.get(where + page.context["page"]["newer_url"])
    assert back.context["customers"][0]["reference"] == "C-00050"


@pytest.mark.parametrize("page", ["customers", "disclosures"])
@pytest.mark.parametrize("cursor", ["nonsense", "a:b:c", "x" * 5000])
def test_a_cursor_that_is_not_ours_is_refused(page: str, cursor: str) -> None:
    bank = make_bank()
    answer = browser_of(bank).get(page_of(page, bank.slug), {"cursor": cursor})
    assert answer.status_code == 400
    assert "design/tokens.css" in answer.content.decode()


def test_a_cursor_opens_at_its_own_bank_alone() -> None:
    bank, other = make_bank(), make_bank()
    for _ in range(queries.PAGE + 1):
        make_customer(bank)
    where = page_of("customers", bank.slug)
    older = browser_of(bank).get(where).context["page"]["older_url"]
    assert browser_of(bank).get(where + older).status_code == 200
    assert browser_of(other).get(page_of("customers", other.slug) + older).status_code == 400


def test_one_customer_with_accounts_consents_and_history() -> None:
    household = make_household()
    program = make_client(name="Thrift Garden")
    kept = make_consent(household.customer, [household.account], client=program)
    ended = make_consent(household.customer, [household.account])
    with serving(household.bank_id):
        revoke_consent(consent_id=ended.id, at=timezone.now(), by="customer")
        for kind in (ConsentEvent.Kind.DENIED, ConsentEvent.Kind.ABANDONED):
            note_no_consent(
                customer_id=household.customer.id,
                client_id=program.pk if kind == ConsentEvent.Kind.DENIED else None,
                kind=kind,
                at=timezone.now(),
            )
    pseudonym = household.customer.pseudonym
    make_disclosure(
        household.bank, pseudonym=pseudonym, decision="refused", reason="consent_revoked"
    )
    browser = browser_of(household.bank)
    page = browser.get(page_of("customer", household.bank.slug, household.customer.id))
    consents = page.context["consents"]
    assert {each["recipient"] for each in consents} == {"Thrift Garden", "The bank's chat"}
    assert {str(each["state_label"]) for each in consents} == {"Allowed", "Revoked"}
    assert "Balances" in consents[0]["feeds"]
    titles = [str(each["title"]) for each in page.context["history"]]
    assert {"Refused", "Account linked", "Declined", "Begun and not finished"} <= set(titles)
    told = {str(each["title"]): each["text"] for each in page.context["history"]}
    # Whom they declined, where it was a program that asked.
    assert (told["Declined"], told["Begun and not finished"]) == ("Thrift Garden", "")
    assert kept.expires_at == next(
        each["expires_at"] for each in consents if each["recipient"] == "Thrift Garden"
    )


def test_a_history_is_paused_resumed_cancelled_and_begun_again_by_who_may() -> None:
    household = make_household()
    bank, now = household.bank, timezone.now()
    row = read_by(
        household.customer,
        household.account,
        at=now,
        kind="transactions",
        cursor="the bank's next page",
        history_rows=1200,
        history_order="back",
        history_from=now.date() - timedelta(days=365),
        history_until=now.date(),
        reached_from=now.date() - timedelta(days=100),
        reached_until=now.date(),
    )
    page = page_of("customer", bank.slug, household.customer.id)
    decide = page_of("history", bank.slug, household.customer.id, household.account.id)
    owner, auditor = browser_of(bank), browser_of(bank, Staff.Role.AUDITOR)

    def shown() -> tuple[str, list[str]]:
        (account,) = owner.get(page).context["accounts"]
        said = account["history"]
        return said["state"], [each["value"] for each in said["decisions"]]

    assert shown() == ("reading", ["pause", "cancel"])
    assert "1,200 payments so far" in words_of(owner, decide)
    assert 'value="27"' in owner.get(decide).content.decode()
    assert auditor.get(decide).status_code == 200
    assert 'name="decision"' not in auditor.get(page).content.decode()
    assert auditor.post(decide, {"decision": "pause"}).status_code == 403
    assert owner.post(decide, {"decision": "hurry"}).status_code == 400
    nobody = page_of("history", bank.slug, household.customer.id, bank.id)
    assert owner.post(nobody, {"decision": "pause"}).status_code == 404

    for decision, state, offered in (
        ("pause", "paused", ["resume", "cancel"]),
        ("pause", "paused", ["resume", "cancel"]),
        ("resume", "reading", ["pause", "cancel"]),
        ("cancel", "cancelled", ["begin_again"]),
        ("begin_again", "reading", ["pause", "cancel"]),
    ):
        assert owner.post(decide, {"decision": decision}).status_code == 302
        assert shown() == (state, offered)
        if state != "reading":
            assert "are here in full" in words_of(owner, page)
            assert owner.get(decide).headers["HX-Refresh"] == "true"
    with serving(bank.id):
        decided = list(SyncRun.objects.order_by("id").values_list("outcome", flat=True))
        assert FeedCursor.objects.get(pk=row.pk).fence > row.fence
    assert decided == ["paused", "resumed", "cancelled", "begun"]


def test_rows_that_could_not_be_read_are_shown_with_why_and_read_again_by_who_may() -> None:
    household = make_household()
    bank, now = household.bank, timezone.now()
    later = now + timedelta(hours=1)
    owner, where = browser_of(bank), page_of("unreadable", bank.slug)
    customer = page_of("customer", bank.slug, household.customer.id)
    assert "Every row was read" in words_of(owner, where)
    assert where not in words_of(owner, page_of("overview", bank.slug))
    row = read_by(
        household.customer,
        household.account,
        at=now,
        due_at=later,
        kind="transactions",
        covered_from=now.date() - timedelta(days=90),
        covered_until=now.date(),
        **unreadable("amount", "amount", "date", at=now),
    )

    # Whose, for who may see customers; what is wrong, for who configures; nothing to press for who looks.
    for role, sees, presses in (
        (Staff.Role.OWNER, True, True),
        (Staff.Role.INTEGRATOR, False, True),
        (Staff.Role.AUDITOR, True, False),
    ):
        page = words_of(browser_of(bank, role), where)
        assert "3 rows could not be read" in page
        assert "</span> is missing, or is not what the standard has there (2)" in page
        assert (customer in page, "Read again" in page) == (sees, presses)
    assert where in words_of(owner, page_of("overview", bank.slug))
    shown = words_of(owner, customer)
    for said in (
        "Healthy, but for some rows",
        "Some of the rows that the bank's system lists could not be read.".replace("'", "&#x27;"),
        "here, but for 3 that could not be read",
        "Rows that could not be read: Card and account transactions",
    ):
        assert said in shown

    again, said = page_of("read_again", bank.slug), {"id": str(row.id)}
    assert owner.post(again, {"id": "everything"}).status_code == 400
    assert owner.post(again, {"id": str(bank.id)}).status_code == 404
    assert browser_of(bank, Staff.Role.AUDITOR).post(again, said).status_code == 403
    for _ in range(2):
        answer = owner.post(again, said | {"customer": str(household.customer.id)})
        assert (answer.status_code, answer["Location"]) == (302, customer)
    assert "It is being read." in words_of(owner, where)
    with serving(bank.id):
        assert FeedCursor.objects.get(pk=row.pk).due_at < later
    (deed,) = owner.get(page_of("deeds", bank.slug)).context["deeds"]
    assert deed["title"] == "Had rows read again that could not be read"
    assert deed["text"] == "Card and account transactions · 3 rows"


def test_rows_of_days_that_the_bank_gives_no_more_are_said_to_be_so_and_not_asked_for() -> None:
    household = make_household()
    bank, now = household.bank, timezone.now()
    row = read_by(
        household.customer,
        household.account,
        at=now,
        due_at=now + timedelta(hours=1),
        kind="transactions",
        given_from=now.date() - timedelta(days=88),
        covered_until=now.date(),
        **unreadable("amount", at=now - timedelta(days=200)),
    )
    owner = browser_of(bank)

    page = words_of(owner, page_of("unreadable", bank.slug))
    assert "1 of them is from days before" in page
    assert ("It is being read." in page, "Read again" in page) == (False, False)
    shown = words_of(owner, page_of("customer", bank.slug, household.customer.id))
    assert "No posted payment is here: 1 that the bank lists could not be read." in shown
    assert "listed no posted payment" not in shown
    owner.post(page_of("read_again", bank.slug), {"id": str(row.id)})
    with serving(bank.id):
        assert FeedCursor.objects.get(pk=row.pk).due_at == row.due_at


def test_many_feeds_with_rows_that_could_not_be_read_are_turned_page_by_page() -> None:
    household = make_household()
    bank, now = household.bank, timezone.now()
    row = read_by(household.customer, household.account, at=now)
    with serving(bank.id):
        many = Account.objects.bulk_create(
            Account(external_id=f"many-{n}", name="Current", currency="EUR") for n in range(30)
        )
        FeedCursor.objects.bulk_create(
            FeedCursor(
                connection_id=row.connection_id,
                account=each,
                kind="receipts",
                **unreadable("Total", at=now),
            )
            for each in many
        )
    owner, where = browser_of(bank), page_of("unreadable", bank.slug)
    first = owner.get(where).context
    second = owner.get(where + first["page"]["older_url"]).context

    seen = [each["id"] for each in (*first["rows"], *second["rows"])]
    assert (len(first["rows"]), len(second["rows"]), len(set(seen))) == (25, 5, 30)
    assert first["counted"] == {"rows": 30, "accounts": 30}
    assert statements(owner, where) == statements(owner, where + first["page"]["older_url"])


def test_days_that_a_bank_refused_are_said_to_be_missing_and_not_to_be_empty() -> None:
    household = make_household()
    bank, today = household.bank, timezone.now().date()
    given_from = today - timedelta(days=88)
    read_by(
        household.customer,
        household.account,
        at=timezone.now(),
        kind="transactions",
        history_from=given_from,
        given_from=given_from,
        covered_from=given_from + timedelta(days=3),
        covered_until=today,
    )

    said = words_of(browser_of(bank), page_of("customer", bank.slug, household.customer.id))

    assert "are here in full" in said
    assert "The bank refused to give any from before" in said
    assert "lists none before" not in said

    # What was read before it refused them is here.
    with serving(bank.id):
        FeedCursor.objects.update(covered_from=given_from - timedelta(days=100))
    said = words_of(browser_of(bank), page_of("customer", bank.slug, household.customer.id))
    assert "The bank refused to give any from before" not in said


def test_a_connection_is_shown_as_it_stands_with_why_and_what_to_do() -> None:
    household = make_household()
    other = make_customer(household.bank)
    make_link(other, household.account)
    now = timezone.now()
    days_ago = now - timedelta(days=2)
    read_by(
        household.customer,
        household.account,
        at=now,
        fresh_as_of=days_ago,
        last_problem="unavailable",
        attempts=4,
        due_at=now + timedelta(minutes=5),
    )
    read_by(other, household.account, at=now, due_at=now + timedelta(minutes=1))
    browser = browser_of(household.bank)
    where = page_of("customer", household.bank.slug, household.customer.id)

    (row,) = browser.get(where).context["accounts"]
    assert (str(row["state_label"]), row["tone"]) == ("Failing", "danger")
    assert (row["fresh_as_of"], row["ran_at"]) == (days_ago, now)
    page = words_of(browser, where)
    assert "does not answer. Look whether it is up." in " ".join(page.split()).replace(
        "&#x27;", "'"
    )
    listed = browser.get(page_of("customers", household.bank.slug)).context["customers"]
    by_reference = {each["reference"]: str(each["state_label"]) for each in listed}
    # A joint holder's connection stands by itself.
    assert by_reference == {
        household.customer.external_id: "Failing",
        other.external_id: "Healthy",
    }


def test_a_list_of_connections_costs_the_same_however_many() -> None:
    bank = make_bank()
    browser = browser_of(bank)
    where = page_of("customers", bank.slug)

    def add_one() -> str:
        household = make_household(bank)
        read_by(household.customer, household.account, at=timezone.now())
        return page_of("customer", bank.slug, household.customer.id)

    page = add_one()
    browser.get(page)
    before = statements(browser, where)
    for _ in range(3):
        add_one()
    assert statements(browser, where) == before


def test_that_somebody_opens_a_customers_page_is_on_the_record_once_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    household = make_household()
    browser = browser_of(household.bank)
    where = page_of("customer", household.bank.slug, household.customer.id)
    now = datetime(2026, 4, 2, 10, 0, 5, tzinfo=UTC)
    monkeypatch.setattr(timezone, "now", lambda: now)

    for _ in range(2):
        assert browser.get(where).status_code == 200

    with serving(household.bank_id):
        (row,) = Disclosure.objects.all()
    assert row.recipient.startswith("staff:")
    assert (row.pseudonym, row.door) == (household.customer.pseudonym, "console")
    assert row.row_count == 0


def test_a_customers_page_costs_the_same_however_long_the_history() -> None:
    household = make_household()
    browser = browser_of(household.bank)
    where = page_of("customer", household.bank.slug, household.customer.id)
    make_consent(household.customer, [household.account])
    make_disclosure(household.bank, pseudonym=household.customer.pseudonym)
    # That somebody looks is written down once a minute, and counted from then on.
    browser.get(where)
    before = statements(browser, where)
    for _ in range(5):
        make_consent(household.customer, [household.account])
        make_disclosure(household.bank, pseudonym=household.customer.pseudonym)
    assert statements(browser, where) == before
