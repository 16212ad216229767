"""A customer's window as one transaction: with their own reach, in their language, on their bank's clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest
from django.utils import timezone, translation

from accounts.signin.windows import entered_window
from partners.banks.models import Customer
from partners.banks.queries import reader_locale
from portal.tenancy.blocks import NotServed, serving_customer


@contextmanager
def in_window(request: HttpRequest) -> Iterator[Customer]:
    """The customer, with their bank, for as long as the block is open. Raises Http404 where neither is served."""
    window = entered_window(request)
    try:
        with serving_customer(window.bank_id, window.customer_id):
            customer = Customer.objects.select_related("bank").get()
            language = translation.override(reader_locale(customer.bank, customer))
            with language, timezone.override(ZoneInfo(customer.bank.time_zone)):
                yield customer
    except NotServed as reason:
        raise Http404 from reason
