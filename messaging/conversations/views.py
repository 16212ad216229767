"""The console's pages of conversations: what customers wrote, and what the bank answers."""

from typing import Any
from uuid import UUID, uuid4

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from messaging.conversations.actions import post_bank_text
from messaging.conversations.forms import ReplyForm
from messaging.conversations.models import Message
from messaging.conversations.queries import get_conversation, page_of, threads_page
from messaging.conversations.words import alert_title, line
from partners.banks.access import Desk, staff_page
from partners.banks.models import Staff
from partners.banks.permissions import Permission
from partners.banks.rules import masked_name
from portal.rest.cursors import open_cursor, seal_cursor
from portal.rest.problems import BadCursor, NotFound
from portal.tenancy.blocks import serving

THREADS = 25
MESSAGES = 50


@require_GET
@staff_page(Permission.ANSWER_CUSTOMERS)
def conversations(request: HttpRequest, desk: Desk) -> HttpResponse:
    """Every conversation in which somebody typed something, the newest first."""
    bound_to = f"console:conversations:{desk.bank.id}"
    before = _before(request, bound_to)
    with serving(desk.bank.id):
        found = threads_page(before=before, at_most=THREADS + 1)
    more = len(found) > THREADS
    cursor = seal_cursor(str(found[THREADS - 1].id), bound_to=bound_to) if more else ""
    shown = desk.context("conversations") | {
        "threads": [_thread(desk, each) for each in found[:THREADS]],
        "page": {
            "older_url": f"?cursor={cursor}" if cursor else "",
            "newer_url": "",
            "words": "",
        },
    }
    return render(request, "messaging/conversations/conversations.html", shown)


def _before(request: HttpRequest, bound_to: str) -> UUID | None:
    cursor = request.GET.get("cursor", "")
    if not cursor:
        return None
    try:
        return UUID(open_cursor(cursor, bound_to=bound_to))
    except BadCursor as reason:
        raise BadRequest(reason.title) from reason


def _thread(desk: Desk, last: Message) -> dict[str, Any]:
    return {
        "name": masked_name(last.customer.display_name),
        "reference": last.customer.external_id,
        "text": last.text,
        "at": last.created_at,
        "is_waiting": last.author == Message.Author.CUSTOMER,
        "url": reverse("console:conversation", args=[desk.bank.slug, last.conversation_id]),
    }


@require_http_methods(["GET", "POST"])
@staff_page(Permission.ANSWER_CUSTOMERS)
def conversation(request: HttpRequest, desk: Desk, conversation_id: UUID) -> HttpResponse:
    """One customer's thread; POST answers in the bank's name."""
    form = ReplyForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        _answer(desk, conversation_id, form)
        return redirect("console:conversation", desk.bank.slug, conversation_id)
    if not form.is_bound:
        form.initial["client_msg_id"] = uuid4()
    where = [desk.bank.slug, conversation_id]
    shown = desk.context("conversations") | _messages(request, desk, conversation_id)
    shown |= {
        "form": form,
        "threads_url": reverse("console:conversations", args=[desk.bank.slug]),
        "live_url": ""
        if "before" in request.GET
        else reverse("console:conversation_live", args=where),
    }
    status = 400 if form.is_bound else 200
    return render(request, "messaging/conversations/conversation.html", shown, status=status)


@require_GET
@staff_page(Permission.ANSWER_CUSTOMERS)
def conversation_live(request: HttpRequest, desk: Desk, conversation_id: UUID) -> HttpResponse:
    """The newest messages, as they are now."""
    shown = _messages(request, desk, conversation_id)
    return render(request, "messaging/conversations/_messages.html", shown)


def _answer(desk: Desk, conversation_id: UUID, form: ReplyForm) -> None:
    try:
        with serving(desk.bank.id):
            post_bank_text(
                conversation_id=conversation_id,
                text=form.cleaned_data["text"],
                staff_id=desk.staff.id,
                at=timezone.now(),
                client_msg_id=form.cleaned_data["client_msg_id"],
            )
    except NotFound as absent:
        raise Http404 from absent


def _messages(request: HttpRequest, desk: Desk, conversation_id: UUID) -> dict[str, Any]:
    before = request.GET.get("before", "")
    if before and not (before.isascii() and before.isdecimal() and len(before) < 16):  # noqa: PLR2004  # fits the column
        raise BadRequest
    try:
        with serving(desk.bank.id):
            found = get_conversation(conversation_id)
            page = page_of(found, before_seq=int(before) if before else None, limit=MESSAGES)
            reader = found.customer
            names = _names(desk, page.messages)
    except NotFound as absent:
        raise Http404 from absent
    oldest = page.messages[0].seq if page.messages else 0
    return {
        "customer": {"name": masked_name(reader.display_name), "reference": reader.external_id},
        "messages_shown": [_message(each, names) for each in page.messages],
        "older_url": f"?before={oldest}" if page.has_more else "",
    }


def _names(desk: Desk, messages: Any) -> dict[UUID, str]:
    wrote = {each.staff_id for each in messages if each.staff_id}
    rows = Staff.objects.select_related("person").filter(bank=desk.bank, pk__in=wrote)
    return {each.pk: each.person.display_name or each.person.email for each in rows}


def _message(message: Message, names: dict[UUID, str]) -> dict[str, Any]:
    """What staff see: typed text, and of a card that it was shown, never what is on it."""
    by_customer = message.author == Message.Author.CUSTOMER
    name = names.get(message.staff_id, "") if message.staff_id else ""
    return {
        "is_text": message.kind == Message.Kind.TEXT,
        "by_customer": by_customer,
        "by": _("Customer") if by_customer else name or _("Automatic"),
        "text": message.text if message.kind == Message.Kind.TEXT else _card_words(message),
        "at": message.created_at,
    }


def _card_words(message: Message) -> str:
    match message.kind:
        case Message.Kind.ALERT | Message.Kind.FRAUD_ALERT:
            return _("Alert shown: %(title)s") % {"title": alert_title(message.template)}
        case Message.Kind.BALANCE:
            return _("Balances shown")
        case Message.Kind.TRANSACTIONS:
            return _("Transactions shown")
        case _:
            return line(message.template)
