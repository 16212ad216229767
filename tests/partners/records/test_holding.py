"""A hold that is placed at the very moment of an erasure: one of the two comes first, whole."""

import threading
from collections.abc import Callable

import pytest
from django.db import connections
from django.utils import timezone

from partners.banks.models import Customer
from partners.records.actions import (
    Held,
    claim_erasure,
    erase_rest,
    place_hold,
    request_erasure,
)
from partners.records.models import ErasureJob, LegalHold
from portal.tenancy.blocks import serving
from portal.tenancy.leases import LEASE
from tests.factories.accounts import Household, make_household

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_hold_that_is_being_placed_is_waited_for_and_kept() -> None:
    home = make_household()
    with serving(home.bank_id):
        request_erasure(customer_id=home.customer.id, by="customer", at=timezone.now())
        claim = claim_erasure(at=timezone.now(), lease=LEASE)
    assert claim is not None
    told: list[str] = []

    def erase() -> None:
        try:
            with serving(home.bank_id):
                erase_rest(claim, at=timezone.now())
            told.append("erased")
        except Held:
            told.append("held")

    with serving(home.bank_id):
        # Whoever places it holds the customer's row; the erasure begins meanwhile.
        Customer.objects.select_for_update().get(pk=home.customer.id)
        erasing = _begun(erase)
        erasing.join(timeout=0.5)
        assert erasing.is_alive(), "it waits"
        _place(home)
    erasing.join(timeout=20)

    assert told == ["held"]
    with serving(home.bank_id):
        assert Customer.objects.filter(pk=home.customer.id).exists()
        assert LegalHold.objects.filter(lifted_at=None).exists()
        assert ErasureJob.objects.get().status == ErasureJob.Status.HELD


def _place(home: Household) -> None:
    place_hold(customer_id=home.customer.id, reason="A court.", by="staff:x", at=timezone.now())


def _begun(call: Callable[[], None]) -> threading.Thread:
    def closing() -> None:
        try:
            call()
        finally:
            connections.close_all()

    thread = threading.Thread(target=closing, daemon=True)
    thread.start()
    return thread
