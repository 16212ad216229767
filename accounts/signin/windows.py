"""A customer in a top-level window of the chat host: entered by a one-time code, kept in its cookie."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone

from accounts.signin.actions import WindowCodeRefused, redeem_window_code
from accounts.signin.languages import in_readers_language

WINDOW_AGE = timedelta(minutes=15)
WAITING_AGE = timedelta(minutes=10)
_KEY = "customer_window"
_WAITING = "waits_for_customer"
# The page that asks what waits (partners/asking).
WAITING_PAGE = "asking"

Rest = ParamSpec("Rest")
View = Callable[Concatenate[HttpRequest, Rest], HttpResponseBase]


@dataclass(frozen=True)
class Window:
    """Which customer of which bank the window belongs to."""

    bank_id: UUID
    customer_id: UUID


def enter_window(request: HttpRequest, bank_id: UUID, customer_id: UUID) -> Window:
    """Give this browser's window to the customer for a quarter of an hour, under a fresh cookie."""
    waiting = request.session.get(_WAITING)
    request.session.flush()
    if waiting is not None:
        # What brought this browser here is why it is entered.
        request.session[_WAITING] = waiting
    until = timezone.now() + WINDOW_AGE
    request.session[_KEY] = {
        "bank": str(bank_id),
        "customer": str(customer_id),
        "until": int(until.timestamp()),
    }
    request.session.set_expiry(int(WINDOW_AGE.total_seconds()))
    return Window(bank_id, customer_id)


def enter_by_code(request: HttpRequest, *, purpose: str) -> Window:
    """Enter with the code that the frame posted here. Raises WindowCodeRefused.

    The frame has no cookie, so no CSRF token either: the code is the proof, and only our own frame
    may post it, so that nobody is brought into a stranger's window.
    """
    if request.method != "POST" or request.headers.get("Origin") != settings.CHAT_ORIGIN:
        raise WindowCodeRefused("Open it from the chat.")
    code = request.POST.get("code", "")
    return enter_window(
        request, *redeem_window_code(code=code, purpose=purpose, at=timezone.now())
    )


def arrive(request: HttpRequest, *, purpose: str, then: str) -> HttpResponseBase:
    """From the chat's frame into a window by a one-time code, and on to the page of that name."""
    try:
        enter_by_code(request, purpose=purpose)
    except WindowCodeRefused:
        return window_ended(request)
    return redirect(then if waiting_here(request) is None else WAITING_PAGE)


def keep_waiting(request: HttpRequest, what: dict[str, Any]) -> None:
    """Keep in this browser what waits for whoever enters a window in it, for ten minutes."""
    until = timezone.now() + WAITING_AGE
    request.session[_WAITING] = {"what": what, "until": int(until.timestamp())}


def waiting_here(request: HttpRequest, *, answered_too: bool = False) -> dict[str, Any] | None:
    """What waits in this browser; None where nothing does, or it did so too long."""
    held: Any = request.session.get(_WAITING)
    if not isinstance(held, dict) or (is_answered(request) and not answered_too):
        return None
    if datetime.fromtimestamp(held["until"], UTC) <= timezone.now():
        return None
    what: dict[str, Any] = held["what"]
    return what


def answer_waiting(request: HttpRequest) -> None:
    """It has its answer, and brings nobody here any more: kept in the answer's own transaction."""
    request.session[_WAITING] = request.session[_WAITING] | {"answered": True}
    request.session.save()
    request.session.modified = False


def is_answered(request: HttpRequest) -> bool:
    return bool(request.session.get(_WAITING, {}).get("answered"))


def leave_window(request: HttpRequest) -> None:
    request.session.flush()


def window_of(request: HttpRequest) -> Window | None:
    """Whose window this is, None where nobody's or no longer."""
    held: Any = request.session.get(_KEY)
    if not isinstance(held, dict):
        return None
    if datetime.fromtimestamp(held["until"], UTC) <= timezone.now():
        return None
    return Window(UUID(held["bank"]), UUID(held["customer"]))


def customer_window(view: View[Rest]) -> View[Rest]:
    """Let a view see `request.window`, or answer that the window has ended."""

    @wraps(view)
    def entered(
        request: HttpRequest, /, *args: Rest.args, **kwargs: Rest.kwargs
    ) -> HttpResponseBase:
        window = window_of(request)
        if window is None:
            return window_ended(request)
        request.window = window  # type: ignore[attr-defined]  # what the decorator is for
        return view(request, *args, **kwargs)

    return entered


def entered_window(request: HttpRequest) -> Window:
    """The window that `customer_window` let in."""
    window: Window = request.window  # type: ignore[attr-defined]  # customer_window puts it there
    return window


@in_readers_language
def window_ended(request: HttpRequest) -> HttpResponseBase:
    """The calm page for a window without a customer: it says how to come back."""
    return render(request, "accounts/signin/window_ended.html", status=403)
