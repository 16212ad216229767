"""A file that was brought: read whole or refused whole, stored once, and of linked accounts alone."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import orjson
import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError
from django.utils import timezone

from accounts.consent.actions import revoke_consent
from accounts.consent.models import Consent
from accounts.disclosure.models import Disclosure
from partners.alerts.models import Alert
from partners.banks.models import StaffDeed
from partners.imports import storing
from partners.imports.actions import try_again
from partners.imports.models import StatementImport
from partners.imports.reading import fault_of, read_due
from partners.imports.tasks import tidy
from portal.outbox.models import OutboxEvent
from portal.secrets.sealing import SecretUnreadable
from portal.tenancy.blocks import serving
from tests.factories.accounts import make_consent, make_link
from tests.factories.partners import make_customer
from tests.partners.imports.conftest import Home
from tests.partners.imports.written import (
    FIRST_DAY,
    IBAN,
    OTHER_IBAN,
    Row,
    as_it_is,
    bring,
    brought_and_read,
    camt,
    ofx,
    read_all,
    rows,
    stored,
    tried_in_vain,
)

pytestmark = pytest.mark.django_db

State = StatementImport.State


def counts(row: StatementImport) -> dict[str, int]:
    """What became of its entries, without what none of them is."""
    names = ("added", "known", "changed", "set_aside", "too_old", "not_linked")
    return {name: getattr(row, name) for name in names if getattr(row, name)}


def left_lying(folder: Path) -> list[Path]:
    return [each for each in (folder / "imports").rglob("*") if each.is_file()]


def test_a_file_of_a_linked_account_is_stored_and_then_gone(home: Home, folder: Path) -> None:
    row = brought_and_read(home.bank_id, ofx(rows(12)), name="march.ofx")

    assert (row.state, row.format, row.statements, row.entries) == (State.DONE, "ofx", 1, 12)
    assert counts(row) == {"added": 12}
    assert [(each.booked_on, each.amount_minor) for each in stored(home.account)][:2] == [
        (FIRST_DAY, -100),
        (FIRST_DAY, -101),
    ]
    assert left_lying(folder) == []


def test_what_was_stored_is_on_the_record_and_in_the_outbox(home: Home) -> None:
    row = brought_and_read(home.bank_id, ofx(rows(3)))

    with serving(home.bank_id):
        told = Disclosure.objects.get(door="file")
        events = list(OutboxEvent.objects.filter(name="partners.entries_changed"))
        alerts = Alert.objects.count()
    assert (told.recipient, told.feed, told.row_count) == ("portal", "transactions", 3)
    assert told.request_id == row.id.hex
    assert len(events) == 1
    assert alerts == 0


def test_the_file_lies_sealed_until_it_is_read(home: Home, folder: Path) -> None:
    bring(home.bank_id, ofx(rows(3, text="Confidential")))

    (lying,) = left_lying(folder)
    assert b"Confidential" not in lying.read_bytes()
    assert lying.stat().st_mode & 0o077 == 0


def test_the_same_file_again_is_the_same_import(home: Home, folder: Path) -> None:
    first = brought_and_read(home.bank_id, ofx(rows(3)))

    again = bring(home.bank_id, ofx(rows(3)))

    assert again.id == first.id
    assert left_lying(folder) == []


def test_a_file_that_overlaps_adds_what_is_new(home: Home) -> None:
    brought_and_read(home.bank_id, ofx(rows(8)))

    row = brought_and_read(home.bank_id, ofx(rows(12)))

    assert counts(row) == {"added": 4, "known": 8}
    assert len(stored(home.account)) == 12


def test_equal_rows_of_a_day_are_all_kept_whatever_the_batches(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "BATCH", 2)
    monkeypatch.setattr(storing, "MOST_IN_BATCH", 3)
    coffee = (FIRST_DAY, Decimal("-1.20"), "Coffee")

    row = brought_and_read(home.bank_id, camt((IBAN, [coffee] * 10 + rows(5))))
    again = brought_and_read(home.bank_id, camt((IBAN, [coffee] * 10 + rows(6))))

    assert counts(row) == {"added": 15}
    assert counts(again) == {"added": 1, "known": 15}


@pytest.mark.parametrize("batch", [3, 2_000])
@pytest.mark.parametrize("written", ["camt", "ofx"])
def test_files_that_overlap_and_count_their_rows_anew_tell_no_payment_twice(
    home: Home, monkeypatch: pytest.MonkeyPatch, batch: int, written: str
) -> None:
    monkeypatch.setattr(storing, "BATCH", batch)
    told = rows(12)
    first, second, whole = told[:8], told[5:], told
    write = ofx if written == "ofx" else _counted

    for each in (first, second, whole, first):
        brought_and_read(home.bank_id, write(each))

    assert len(stored(home.account)) == 12


def _counted(listed: list[Row]) -> bytes:
    """A camt.053 whose entries are numbered from one."""
    pieces = camt((IBAN, listed)).decode().split("<Ntry>")
    numbered = (f"<NtryRef>{place}</NtryRef>{each}" for place, each in enumerate(pieces[1:], 1))
    return "<Ntry>".join([pieces[0], *numbered]).encode()


def test_equal_rows_in_no_order_are_told_apart_too(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "BATCH", 1)
    monkeypatch.setattr(storing, "MOST_IN_BATCH", 1)
    coffee = (FIRST_DAY, Decimal("-1.20"), "Coffee")
    tea = (FIRST_DAY + timedelta(days=1), Decimal("-1.20"), "Tea")

    row = brought_and_read(home.bank_id, camt((IBAN, [coffee, tea, coffee, tea, coffee])))

    assert not row.in_order
    assert counts(row) == {"added": 5}


def test_a_file_cut_off_is_refused_whole(home: Home, folder: Path) -> None:
    row = brought_and_read(home.bank_id, ofx(rows(50))[:-40])

    assert row.state == State.REFUSED
    assert (row.refused_where, row.refused_reason) == (
        "file",
        "does not end with </OFX>: it is cut off",
    )
    assert stored(home.account) == []
    assert left_lying(folder) == []


def test_a_file_that_does_not_balance_is_kept_and_flagged(home: Home) -> None:
    row = brought_and_read(home.bank_id, camt((IBAN, rows(4)), closing=Decimal("99.00")))

    assert (row.state, row.balances) == (State.DONE, False)
    assert counts(row) == {"added": 4}
    assert row.problems == [
        ["line 1", "the entries do not lead from the opening balance to the closing one"]
    ]


def test_an_account_that_nobody_linked_is_counted_and_not_stored(home: Home) -> None:
    row = brought_and_read(home.bank_id, camt((OTHER_IBAN, rows(3)), (IBAN, rows(2))))

    assert counts(row) == {"added": 2, "not_linked": 3}
    assert row.left_out == [["**** 6819", "not_linked", 3]]


def test_an_account_is_found_and_masked_with_its_currency_behind_it(home: Home) -> None:
    one = ":20:1\r\n:25:{}\r\n:28C:1\r\n:60F:C260301EUR0,00\r\n:61:2603020302C1,00NTRFNONREF\r\n:62F:C260302EUR1,00\r\n-\r\n"
    content = one.format(f"{IBAN} EUR") + one.format(f"{OTHER_IBAN}EUR")

    row = brought_and_read(home.bank_id, content.encode())

    assert (row.format, counts(row)) == ("mt940", {"added": 1, "not_linked": 1})
    assert row.left_out == [["**** 6819", "not_linked", 1]]


def test_what_was_left_out_is_read_when_the_file_comes_again(home: Home) -> None:
    content = camt((OTHER_IBAN, rows(3)), (IBAN, rows(2)))
    brought_and_read(home.bank_id, content)
    number_of_both(home)

    row = brought_and_read(home.bank_id, content)

    assert counts(row) == {"added": 3, "known": 2}


def number_of_both(home: Home) -> None:
    from tests.partners.imports.written import number_account  # noqa: PLC0415

    number_account(home.account, IBAN, OTHER_IBAN)


def test_nothing_is_stored_of_what_the_customer_ended(home: Home) -> None:
    with serving(home.bank_id):
        consent = Consent.objects.get()
        revoke_consent(consent_id=consent.id, at=timezone.now(), by="customer")

    row = brought_and_read(home.bank_id, camt((IBAN, rows(2))))

    assert counts(row) == {"not_linked": 2}
    assert row.left_out == [["**** 3000", "consent_revoked", 2]]
    assert stored(home.account) == []


def test_a_worker_that_dies_is_followed_by_one_that_goes_on(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "BATCH", 5)
    content = camt((IBAN, rows(40)), (OTHER_IBAN, rows(7)), (IBAN, rows(3, text="Later")))
    row = bring(home.bank_id, content)
    whole = storing.Storing._flush
    flushed = []

    def dying(self: storing.Storing) -> None:
        if self._run.entries:
            flushed.append("died" if len(flushed) % 3 == 2 else "stored")
            if flushed[-1] == "died":
                raise MemoryError
        whole(self)

    monkeypatch.setattr(storing.Storing, "_flush", dying)
    for _ in range(12):
        with serving(home.bank_id):
            StatementImport.objects.filter(due_at__isnull=False).update(
                due_at=timezone.now(), attempts=0
            )
        read_all(home.bank_id)

    found = as_it_is(row)
    assert "died" in flushed
    assert (found.state, counts(found)) == (State.DONE, {"added": 43, "not_linked": 7})
    assert len(stored(home.account)) == 43


def test_rows_from_before_what_is_allowed_are_not_kept(home: Home) -> None:
    old = (date(1999, 12, 31), Decimal("-5.00"), "Old")

    row = brought_and_read(home.bank_id, camt((IBAN, [old, *rows(1)])))

    assert counts(row) == {"added": 1, "too_old": 1}


OLD: list[Row] = [(date(1999, 12, 31), Decimal("-5.00"), "Old")]


def test_of_a_joint_account_the_holder_who_allows_furthest_back_decides(home: Home) -> None:
    other = make_customer(home.bank)
    make_link(other, home.account)
    deep = make_consent(other, [home.account], history_from=date(1990, 1, 1))

    row = brought_and_read(home.bank_id, ofx(OLD))

    with serving(home.bank_id):
        assert [each.consent_id for each in Disclosure.objects.filter(door="file")] == [deep.id]
        revoke_consent(consent_id=deep.id, at=timezone.now(), by="customer")
    after = brought_and_read(home.bank_id, ofx([*OLD, *rows(1)]))
    assert counts(row) == {"added": 1}
    assert counts(after) == {"added": 1, "too_old": 1}


def test_a_file_with_rows_that_were_too_old_is_read_again_and_then_it_is_whole(home: Home) -> None:
    before = brought_and_read(home.bank_id, ofx(OLD))
    make_consent(home.customer, [home.account], history_from=date(1990, 1, 1))

    again = brought_and_read(home.bank_id, ofx(OLD))

    assert (counts(before), counts(again)) == ({"too_old": 1}, {"added": 1})
    assert bring(home.bank_id, ofx(OLD)).id == again.id


def test_what_became_of_a_file_is_forgotten_after_ninety_days(home: Home) -> None:
    old, recent = (brought_and_read(home.bank_id, ofx(rows(each))) for each in (1, 2))
    with serving(home.bank_id):
        long_ago = timezone.now() - timedelta(days=91)
        StatementImport.objects.filter(pk=old.pk).update(finished_at=long_ago)

    tidy()

    with serving(home.bank_id):
        assert list(StatementImport.objects.values_list("id", flat=True)) == [recent.id]


def test_an_entry_of_several_payments_is_one_row_with_all_of_them(home: Home) -> None:
    one = "<NtryDtls><TxDtls><Amt Ccy='EUR'>{}</Amt><RltdPties><Cdtr><Nm>{}</Nm></Cdtr></RltdPties></TxDtls></NtryDtls>"
    batch = one.format("0.60", "Forno Lume") + one.format("0.40", "Bar Sport")
    plain = camt((IBAN, rows(2)))
    summed = plain.replace(b"</Ntry>", f"{batch}</Ntry>".encode(), 1)
    before = brought_and_read(home.bank_id, plain)
    ids = {each.id for each in stored(home.account)}

    after = brought_and_read(home.bank_id, summed)

    entries = sorted(stored(home.account), key=lambda each: -each.amount_minor)
    assert (counts(before), counts(after)) == ({"added": 2}, {"changed": 1, "known": 1})
    assert {each.id for each in entries} == ids
    assert sum(each.amount_minor for each in entries) == -201
    assert [each["counterparty"] for each in orjson.loads(entries[0].details)] == [
        "Forno Lume",
        "Bar Sport",
    ]
    assert entries[1].details == ""


# --- by a fault of ours ---------------------------------------------------------------------------


def given_up(home: Home, folder: Path, *, kept_at: Path) -> StatementImport:
    """A file of five rows that is nowhere to be found when it is to be read, and lies at `kept_at` meanwhile."""
    row = bring(home.bank_id, ofx(rows(5)))
    (lying,) = left_lying(folder)
    lying.rename(kept_at)
    tried_in_vain(home.bank_id)
    return as_it_is(row)


def test_what_could_not_be_read_by_a_fault_of_ours_waits_and_is_read_when_staff_say_so(
    home: Home, folder: Path
) -> None:
    aside = folder / "aside"
    row = given_up(home, folder, kept_at=aside)
    aside.rename(folder / "imports" / str(home.bank_id) / str(row.id))
    for _ in range(2):
        with serving(home.bank_id):
            try_again(import_id=row.id, by="staff:somebody", at=timezone.now())
    read_all(home.bank_id)

    after = as_it_is(row)
    assert (row.state, row.fault, row.due_at, row.is_over) == (State.FAILED, "file", None, False)
    assert (after.state, after.fault, counts(after)) == (State.DONE, "", {"added": 5})
    assert len(stored(home.account)) == 5
    with serving(home.bank_id):
        assert [each.what for each in StaffDeed.objects.all()] == ["file_again"]


def test_a_file_that_is_tried_by_itself_gets_there_once_what_was_wrong_is_over(
    home: Home, folder: Path
) -> None:
    row = bring(home.bank_id, ofx(rows(5)))
    (lying,) = left_lying(folder)
    lying.rename(folder / "aside")
    assert read_due(bank_id=home.bank_id, clock=timezone.now) == 1
    put_off = as_it_is(row)
    (folder / "aside").rename(lying)

    read_all(home.bank_id)

    assert (put_off.state, put_off.attempts, put_off.fault) == (State.READING, 1, "file")
    assert put_off.due_at is not None
    assert (as_it_is(row).state, counts(as_it_is(row))) == (State.DONE, {"added": 5})


def test_to_bring_it_again_is_to_have_it_read_again(home: Home, folder: Path) -> None:
    row = given_up(home, folder, kept_at=folder / "gone")

    again = brought_and_read(home.bank_id, ofx(rows(5)))

    assert again.id != row.id
    assert (again.state, counts(again)) == (State.DONE, {"added": 5})
    assert as_it_is(row).refused_reason == "was brought again"


def test_a_file_that_nobody_has_read_again_is_kept_for_thirty_days(
    home: Home, folder: Path
) -> None:
    row = given_up(home, folder, kept_at=folder / "gone")
    tidy()
    before = as_it_is(row).state
    with serving(home.bank_id):
        long_ago = timezone.now() - timedelta(days=31)
        StatementImport.objects.filter(pk=row.pk).update(received_at=long_ago)

    tidy()

    assert (before, as_it_is(row).state) == (State.FAILED, State.REFUSED)


@pytest.mark.parametrize(
    ("raised", "fault"),
    [
        (FileNotFoundError(), "file"),
        (SecretUnreadable(), "file"),
        (OSError(28, "No space left on device"), "disk"),
        (OperationalError(), "database"),
        (SoftTimeLimitExceeded(), "time"),
        (ZeroDivisionError(), "other"),
    ],
)
def test_a_fault_of_ours_is_told_by_what_went_wrong(raised: Exception, fault: str) -> None:
    assert fault_of(raised) == fault
