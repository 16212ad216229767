"""What everybody may see of a bank's log: its checkpoints, its keys, and that it only ever grew.

Nothing here is anybody's data: sizes, hashes, times and signatures.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse

from accounts.disclosure.exporting import consistency_body, keys_body
from accounts.disclosure.models import Checkpoint
from accounts.disclosure.notes import in_base64, instant
from accounts.disclosure.proofs import latest_checkpoint, signed_head
from accounts.signin.limits import require_within
from portal.rest.problems import Invalid, MethodNotAllowed, NotFound, Problem, problem_response
from portal.tenancy.blocks import serving

MOST = 100
AT_MOST, SECONDS = 600, 60
_LARGEST = 2**63

Answer = Callable[[HttpRequest, UUID], HttpResponse]


def published(answer: Answer) -> Answer:
    """Open to all, and counted by address; in the bank's block."""

    @wraps(answer)
    def door(request: HttpRequest, bank_id: UUID) -> HttpResponse:
        try:
            if request.method not in {"GET", "HEAD"}:
                raise MethodNotAllowed(headers={"Allow": "GET, HEAD"})
            address = request.META.get("REMOTE_ADDR", "")
            require_within(f"log:{address}", at_most=AT_MOST, seconds=SECONDS)
            with serving(bank_id):
                answered = answer(request, bank_id)
        except Problem as refused:
            return problem_response(refused)
        answered["Access-Control-Allow-Origin"] = "*"
        return answered

    return door


@published
def checkpoint(request: HttpRequest, bank_id: UUID) -> HttpResponse:  # noqa: ARG001  # the block names the bank
    """The newest checkpoint, or the first that covers so many leaves (`?size=`): a signed note."""
    size = _number(request, "size", required=False)
    if size is None:
        found = latest_checkpoint()
    else:
        row = Checkpoint.objects.filter(size__gte=size).order_by("size").first()
        found = None if row is None else signed_head(row)
    if found is None:
        raise NotFound
    return HttpResponse(
        found.note,
        content_type="text/plain; charset=utf-8",
        headers={"Cache-Control": "public, max-age=1"},
    )


@published
def checkpoints(request: HttpRequest, bank_id: UUID) -> HttpResponse:  # noqa: ARG001  # as above
    """Checkpoints, newest first; `?before=` is the size behind which the page begins."""
    before = _number(request, "before", required=False) or _LARGEST - 1
    rows = list(Checkpoint.objects.filter(size__lt=before).order_by("-size")[: MOST + 1])
    page = rows[:MOST]
    return _json(
        {
            "checkpoints": [
                {
                    "size": each.size,
                    "root": in_base64(bytes(each.root)),
                    "time": instant(each.at),
                    "note": signed_head(each).note,
                }
                for each in page
            ],
            "before": page[-1].size if len(rows) > MOST else None,
        }
    )


@published
def keys(request: HttpRequest, bank_id: UUID) -> HttpResponse:  # noqa: ARG001  # as above
    """The public keys that ever signed, with the time in which each was good."""
    body = keys_body(bank_id)
    if not body["keys"]:
        raise NotFound
    return _json(body)


@published
def consistency(request: HttpRequest, bank_id: UUID) -> HttpResponse:  # noqa: ARG001  # as above
    """The proof that the tree of `second` leaves grew out of that of `first`."""
    first, second = _number(request, "first"), _number(request, "second")
    if first is None or second is None or not 0 < first <= second:
        raise Invalid("`first` is at least 1 and at most `second`.")
    latest = latest_checkpoint()
    if latest is None or second > latest.head.size:
        raise NotFound
    return _json(consistency_body(first, second))


def _number(request: HttpRequest, name: str, *, required: bool = True) -> int | None:
    if name not in request.GET and not required:
        return None
    text = request.GET.get(name, "")
    if not (text.isascii() and text.isdigit()) or int(text[:20]) >= _LARGEST:
        pointer = {"pointer": f"#/query/{name}", "detail": "A whole number is wanted."}
        raise Invalid(errors=[pointer])
    return int(text)


def _json(body: Any) -> JsonResponse:
    return JsonResponse(body, headers={"Cache-Control": "public, max-age=1"})
