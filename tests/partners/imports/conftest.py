"""A bank with one customer whose account is linked, and whose payments are allowed to the chat."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from partners.banks.models import Bank, Customer
from partners.ledger.models import Account
from tests.factories.accounts import make_consent, make_link, share
from tests.factories.partners import make_account, make_bank, make_customer
from tests.partners.imports.written import IBAN, number_account


@dataclass(frozen=True)
class Home:
    bank: Bank
    customer: Customer
    account: Account

    @property
    def bank_id(self) -> UUID:
        return self.bank.id


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    """Where files lie: nothing is left of a test's."""
    settings.IMPORT_FOLDER = tmp_path / "imports"
    settings.DROP_FOLDER = tmp_path / "drop"
    return tmp_path


@pytest.fixture
def home(db: None, folder: Path) -> Home:
    bank = make_bank()
    share(bank)
    customer = make_customer(bank)
    account = make_account(bank)
    number_account(account, IBAN)
    make_link(customer, account)
    make_consent(customer, [account])
    return Home(bank, customer, account)
