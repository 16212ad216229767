"""The operator's page: whether everything runs, what waits, how fast. Counts alone, nobody's data."""

from typing import Any

import redis
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.people.models import Person
from partners.banks.access import person_page
from partners.banks.queries import all_banks
from partners.feeds.queries import unreadable_rows
from partners.operations import words
from portal.outbox.pokes import valkey
from portal.telemetry.measures import gathered
from portal.telemetry.queues import queue_tables, standings
from portal.telemetry.totals import totals

MOST_BANKS = 50


@require_GET
@person_page
def operations(request: HttpRequest, person: Person) -> HttpResponse:
    _require_operator(person)
    shown = _standing() | {
        "email": person.email,
        "live_url": reverse("console:operations_live"),
        "counts_url": reverse("console:operations_counts"),
    }
    return render(request, "partners/operations/operations.html", shown)


@require_GET
@person_page
def live(request: HttpRequest, person: Person) -> HttpResponse:
    """The part of the page that renews itself."""
    _require_operator(person)
    return render(request, "partners/operations/_live.html", _standing())


@require_GET
@person_page
def counts(_request: HttpRequest, person: Person) -> HttpResponse:
    """What the plot is drawn from."""
    _require_operator(person)
    return JsonResponse(words.counts_body(totals(gathered()), timezone.now()))


def _require_operator(person: Person) -> None:
    if not person.is_operator:
        raise Http404


def _standing() -> dict[str, Any]:
    at = timezone.now()
    found = standings(at=at)
    counted = totals(gathered())
    banks = words.bank_rows(all_banks(), found)
    return {
        "processes": [words.process_words(each, counted.seen, at) for each in words.SILENCE],
        "valkey_answers": _valkey_answers(),
        "counted": counted,
        "queues": [
            *words.queue_rows(queue_tables(), found),
            words.unreadable_row(unreadable_rows()),
        ],
        "reached": words.reached_rows(counted),
        "sealed_words": words.sealed_words(counted),
        "banks": banks[:MOST_BANKS],
        "more_banks": max(0, len(banks) - MOST_BANKS),
        "at": at,
    }


def _valkey_answers() -> bool:
    try:
        valkey().ping()
    except (redis.RedisError, OSError):
        return False
    return True
