"""A bank's signing key is changed: what was signed before, and after, can be checked by anybody for ever."""

import json
import subprocess
import sys
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from threading import Thread

import jwt
import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone

from accounts.disclosure.exporting import bank_lines, in_lines, keys_body
from accounts.disclosure.models import Checkpoint
from accounts.disclosure.sealing import change_key, seal_due
from portal.environment import ROOT
from portal.secrets.models import SigningKey
from portal.tenancy.blocks import serving
from tests.factories.accounts import Household, make_consent, make_household
from tests.factories.partners import make_bank
from tests.partners.sharing.test_api import Program, make_program, read
from tests.partners.sharing.test_consent_receipts import checked, fetched, keys_of

VERIFY = ROOT / "accounts/disclosure/verify.py"


def rotate(*arguments: str) -> str:
    told = StringIO()
    call_command("rotate_signing_key", *arguments, stdout=told)
    return told.getvalue()


def shown_and_sealed(home: Household, program: Program) -> None:
    read(program.get(f"accounts/{home.account.id}/transactions"))
    while seal_due(bank_id=home.bank_id, clock=timezone.now):
        pass


def require_whole(home: Household, folder: Path) -> None:
    """By the program that outsiders run, on the bank's export and its published keys."""
    export, keys = folder / "export.jsonl", folder / "keys.json"
    with serving(home.bank_id):
        keys.write_text(json.dumps(keys_body(home.bank_id)))
    export.write_bytes(b"".join(in_lines(bank_lines(home.bank_id, at=timezone.now()))))
    ran = subprocess.run(  # our own
        [sys.executable, "-I", str(VERIFY), str(export), "--keys", str(keys)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_receipts_and_checkpoints_of_either_key_are_good(tmp_path: Path) -> None:
    home = make_household()
    program = make_program(home)
    old_receipt = fetched(home, make_consent(home.customer, [home.account])).json()
    shown_and_sealed(home, program)

    told = rotate(home.bank.slug)
    new_receipt = fetched(home, make_consent(home.customer, [home.account])).json()
    shown_and_sealed(home, program)

    heads = [jwt.get_unverified_header(each["jws"]) for each in (old_receipt, new_receipt)]
    assert home.bank.slug in told
    assert heads[0]["kid"] != heads[1]["kid"]
    assert {each["kid"] for each in heads} == {each.key_id for each in keys_of(home).keys}
    for each in (old_receipt, new_receipt):
        assert checked(home, each["jws"]) == each["receipt"]
    with serving(home.bank_id):
        hashes = list(Checkpoint.objects.order_by("size").values_list("key_hash", flat=True))
    assert len({bytes(each) for each in hashes}) == 2
    require_whole(home, tmp_path)


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_a_key_that_is_changed_while_the_log_is_sealed_signs_nothing_after_its_time(
    tmp_path: Path,
) -> None:
    home = make_household()
    program = make_program(home)
    shown_and_sealed(home, program)

    def sealing() -> None:
        try:
            for _ in range(15):
                shown_and_sealed(home, program)
        finally:
            connections.close_all()

    thread = Thread(target=sealing)
    thread.start()
    changes = 0
    while thread.is_alive():
        rotate(home.bank.slug)
        changes += 1
    thread.join()

    assert changes > 1
    with serving(home.bank_id):
        assert SigningKey.objects.filter(valid_until=None).count() == 1
    require_whole(home, tmp_path)


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_a_clock_that_was_set_back_takes_no_key_back(tmp_path: Path) -> None:
    home = make_household()
    program = make_program(home)
    shown_and_sealed(home, program)

    def an_hour_ago() -> datetime:
        return timezone.now() - timedelta(hours=1)

    change_key(bank_id=home.bank_id, clock=an_hour_ago)
    shown_and_sealed(home, program)

    require_whole(home, tmp_path)


@pytest.mark.django_db
def test_all_banks_at_once_or_those_that_are_named() -> None:
    banks = [make_bank() for _ in range(3)]

    one = rotate(banks[0].slug)
    every = rotate("--all")

    assert one.splitlines()[0].startswith(f"{banks[0].slug}: ")
    assert len(one.splitlines()) == 1
    assert {line.partition(":")[0] for line in every.splitlines()} >= {it.slug for it in banks}


@pytest.mark.django_db
@pytest.mark.parametrize("arguments", [[], ["--all", "some-bank"], ["nobodys-bank"]])
def test_what_is_not_plain_changes_nothing(arguments: list[str]) -> None:
    bank = make_bank()

    with pytest.raises(CommandError):
        rotate(*([bank.slug, *arguments] if arguments == ["nobodys-bank"] else arguments))

    with serving(bank.id):
        assert not SigningKey.objects.exists()
