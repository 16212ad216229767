"""The console's pages of statement files."""

from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from partners.banks.models import Staff
from partners.imports.models import StatementImport
from portal.tenancy.blocks import serving
from tests.desk import browser_of, page_of
from tests.partners.imports.conftest import Home
from tests.partners.imports.written import (
    IBAN,
    bring,
    brought_and_read,
    camt,
    ofx,
    read_all,
    rows,
    stored,
    table,
    tried_in_vain,
)

pytestmark = pytest.mark.django_db


def send(
    browser: Client, home: Home, content: bytes, name: str = "march.ofx", **said: str
) -> object:
    file = SimpleUploadedFile(name, content)
    return browser.post(page_of("statement_files", home.bank.slug), {**said, "file": file})


def the_import(home: Home) -> StatementImport:
    with serving(home.bank_id):
        return StatementImport.objects.get()


def test_a_file_that_is_uploaded_is_stored(home: Home) -> None:
    browser = browser_of(home.bank)

    answered = send(browser, home, ofx(rows(7)), name="ma\0rch.ofx")
    read_all(home.bank_id)

    row = the_import(home)
    where = page_of("statement_file", home.bank.slug, row.id)
    assert (answered.status_code, answered["Location"]) == (302, where)
    assert (row.state, row.added, row.door, row.file_name) == ("done", 7, "console", "march.ofx")
    page = browser.get(where).content.decode()
    assert "march.ofx" in page
    assert "What became of its entries" in page


def test_a_script_is_answered_in_json(home: Home) -> None:
    file = SimpleUploadedFile("a.ofx", ofx(rows(1)))

    answered = browser_of(home.bank).post(
        page_of("statement_files", home.bank.slug),
        {"file": file},
        headers={"accept": "application/json"},
    )

    assert answered.json() == {
        "url": page_of("statement_file", home.bank.slug, the_import(home).id)
    }


def test_the_same_file_again_says_when_it_was_imported(home: Home) -> None:
    brought_and_read(home.bank_id, ofx(rows(2)))
    browser = browser_of(home.bank)

    answered = send(browser, home, ofx(rows(2)))

    assert b"was imported already, on" in browser.get(answered["Location"]).content


def test_a_file_over_the_limit_is_refused_and_nothing_lies_about(
    home: Home, settings, folder
) -> None:
    settings.IMPORT_LIMIT = 200_000

    answered = send(browser_of(home.bank), home, b"x" * 230_000)

    assert answered.status_code == 413
    assert b"at most 0 MB" in answered.content
    assert [each for each in (folder / "imports").rglob("*") if each.is_file()] == []


def test_without_a_file_it_says_so(home: Home) -> None:
    answered = browser_of(home.bank).post(
        page_of("statement_files", home.bank.slug), {"account": ""}
    )

    assert answered.status_code == 400
    assert b"Choose a file." in answered.content


def test_who_may_not_configure_sees_and_brings_nothing(home: Home, folder) -> None:
    bring(home.bank_id, ofx(rows(1)), name="seen.ofx")
    browser = browser_of(home.bank, Staff.Role.AUDITOR)

    page = browser.get(page_of("statement_files", home.bank.slug)).content.decode()
    answered = send(browser, home, ofx(rows(2)))

    assert "seen.ofx" in page
    assert "Bring a file" not in page
    assert answered.status_code == 403


def test_a_form_from_elsewhere_brings_nothing(home: Home, folder) -> None:
    browser = browser_of(home.bank)
    browser.handler.enforce_csrf_checks = True

    answered = send(browser, home, ofx(rows(1)))

    assert answered.status_code == 403
    with serving(home.bank_id):
        assert not StatementImport.objects.exists()
    assert [each for each in (folder / "imports").rglob("*") if each.is_file()] == []


def test_the_list_has_pages_and_an_empty_state(home: Home) -> None:
    browser, here = browser_of(home.bank), page_of("statement_files", home.bank.slug)
    assert b"No file yet" in browser.get(here).content
    for number in range(27):
        bring(home.bank_id, ofx(rows(number + 1)), name=f"file-{number:02}")

    page = browser.get(here).content.decode()
    older = page.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0]

    assert ("file-26" in page, "file-01" in page) == (True, False)
    assert "file-01" in browser.get(here + older).content.decode()


def test_a_tables_columns_are_guessed_shown_and_remembered(home: Home) -> None:
    browser = browser_of(home.bank)
    send(browser, home, table(rows(6)), "march.csv")
    read_all(home.bank_id)
    row = the_import(home)
    where = page_of("statement_file", home.bank.slug, row.id)
    assert (row.state, row.given_mask) == ("needs_mapping", "")
    page = browser.get(where).content.decode()
    assert ("Payment 5" in page, "What are its columns?" in page) == (True, True)

    without = browser.post(where, said(account=""))
    answered = browser.post(where, said(account=IBAN))
    read_all(home.bank_id)
    brought_and_read(home.bank_id, table(rows(9)), name="april.csv", account=IBAN)

    assert (without.status_code, answered.status_code) == (400, 302)
    with serving(home.bank_id):
        found = list(StatementImport.objects.order_by("received_at").values_list("state", "added"))
    assert found == [("done", 6), ("done", 3)]
    assert stored(home.account)[0].description == "Payment 0"


def test_only_what_a_table_is_read_without_is_called_optional(home: Home) -> None:
    browser = browser_of(home.bank)
    row = bring(home.bank_id, table(rows(3)), name="march.csv")
    read_all(home.bank_id)
    where = page_of("statement_file", home.bank.slug, row.id)

    page = browser.get(where).content.decode()
    without = browser.post(where, said(account=IBAN, booked_on=""))

    labels = {each.partition('"')[0]: each for each in page.split('<label for="')[1:]}
    optional = {name for name, each in labels.items() if "(optional)" in each.split("</label>")[0]}
    assert optional == {
        *("id_default_currency", "id_direction", "id_value_on", "id_currency"),
        *("id_counterparty", "id_description", "id_reference"),
        *("id_original_amount", "id_original_currency", "id_exchange_rate"),
    }
    assert without.status_code == 400
    assert b"Say which column holds the day." in without.content


def test_what_was_paid_abroad_is_shown_as_guessed_corrected_kept_and_remembered(
    home: Home,
) -> None:
    browser = browser_of(home.bank)
    names = "Buchungstag;Verwendungszweck;Betrag;Fremdbetrag;Fremdwährung;Wechselkurs"
    first = f"{names}\n01.03.2026;Hotel;-12,30;13,53;USD;1,1\n02.03.2026;Bo;-5,00;5,50 GBP;USD;\n"
    row = bring(home.bank_id, first.encode(), name="march.csv")
    read_all(home.bank_id)
    where = page_of("statement_file", home.bank.slug, row.id)

    page = browser.get(where).content.decode()
    abroad = {"original_amount": "3", "original_currency": "4", "exchange_rate": "5"}
    without = browser.post(where, said(account=IBAN, original_amount="3"))
    browser.post(where, said(account=IBAN, **abroad))
    read_all(home.bank_id)
    again = first.replace(".03.", ".04.").encode()
    bring(home.bank_id, again, name="april.csv", account=IBAN)
    read_all(home.bank_id)

    assert b"Say which column holds the currency" in without.content
    for name, place in abroad.items():
        chosen = page.split(f'id="id_{name}"')[1].split("</select>")[0]
        assert f'<option value="{place}" selected' in chosen
    kept = [
        (each.amount_minor, each.original_amount_minor, each.original_currency, each.exchange_rate)
        for each in stored(home.account)
    ]
    assert kept == [(-1230, -1353, "USD", "1.1")] * 2
    with serving(home.bank_id):
        told = list(StatementImport.objects.order_by("received_at").values_list("state", "added"))
    assert told == [("done", 1), ("done", 1)]


def said(**changed: object) -> dict[str, object]:
    return {
        "name": "Our export",
        "day_order": "dmy",
        "decimal_sign": ",",
        "default_currency": "EUR",
        "booked_on": "0",
        "description": "1",
        "amount": "2",
        **changed,
    }


def test_progress_renews_itself_until_it_is_over(home: Home) -> None:
    row = bring(home.bank_id, camt((IBAN, rows(2))))
    browser = browser_of(home.bank)
    where = page_of("statement_file_progress", home.bank.slug, row.id)

    assert b"<progress" in browser.get(where).content
    read_all(home.bank_id)
    assert browser.get(where)["HX-Refresh"] == "true"


def test_a_file_that_we_could_not_read_says_why_and_is_read_again_at_a_press(
    home: Home, folder: Path
) -> None:
    row = bring(home.bank_id, ofx(rows(3)))
    lying = folder / "imports" / str(home.bank_id) / str(row.id)
    lying.rename(folder / "aside")
    tried_in_vain(home.bank_id)
    browser, onlooker = (browser_of(home.bank, role) for role in ("owner", "auditor"))
    where = page_of("statement_file", home.bank.slug, row.id)

    page, seen = (each.get(where).content.decode() for each in (browser, onlooker))
    listed = browser.get(page_of("statement_files", home.bank.slug)).content.decode()
    (folder / "aside").rename(lying)
    refused = onlooker.post(where)
    pressed = [browser.post(where).status_code for _ in range(2)]
    read_all(home.bank_id)

    why = "The file is not where it was put, or could not be opened."
    assert why in page
    assert why in listed
    assert "Read it again" in page
    assert "Read it again" not in seen
    assert (refused.status_code, pressed) == (403, [302, 302])
    assert (the_import(home).state, the_import(home).added) == ("done", 3)
