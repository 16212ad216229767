"""A customer's window as one transaction: with their own reach, in their language, on their bank's clock."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Concatenate, ParamSpec
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils import timezone, translation

from accounts.signin.windows import entered_window
from partners.banks.models import Customer
from partners.banks.queries import reader_locale
from portal.tenancy.blocks import NotServed, serving_customer

Rest = ParamSpec("Rest")
View = Callable[Concatenate[HttpRequest, Rest], HttpResponseBase]


@contextmanager
def in_window(request: HttpRequest) -> Iterator[Customer]:
    """The customer, with their bank, for as long as the block is open. Raises Http404 where neither is served."""
    window = entered_window(request)
    try:
        with serving_customer(window.bank_id, window.customer_id):
            customer = Customer.objects.select_related("bank").get()
            with _spoken_to(customer):
                yield customer
    except NotServed as reason:
        raise Http404 from reason


def in_customers_language(view: View[Rest]) -> View[Rest]:
    """Let a view of a window speak as `in_window` does, where it is more than one transaction."""

    @wraps(view)
    def spoken(
        request: HttpRequest, /, *args: Rest.args, **kwargs: Rest.kwargs
    ) -> HttpResponseBase:
        with in_window(request) as customer:
            words = _spoken_to(customer)
        with words:
            return view(request, *args, **kwargs)

    return spoken


@contextmanager
def _spoken_to(customer: Customer) -> Iterator[None]:
    language = translation.override(reader_locale(customer.bank, customer))
    with language, timezone.override(ZoneInfo(customer.bank.time_zone)):
        yield
