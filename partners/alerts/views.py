"""The console's page of alert types: which are raised, and when."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Count, Max
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from partners.alerts.actions import change_rule
from partners.alerts.forms import LABELS, ThresholdForm, parameters_form
from partners.alerts.models import Alert, AlertRule, AlertType
from partners.banks.access import Desk, staff_page
from partners.banks.permissions import Permission
from partners.feeds.models import Feed, FeedKind
from portal.tenancy.blocks import serving

COUNTED = timedelta(days=30)


@require_GET
@staff_page(Permission.VIEW_CHOICES)
def alert_types(request: HttpRequest, desk: Desk) -> HttpResponse:
    return _page(request, desk, refused={})


def _page(request: HttpRequest, desk: Desk, *, refused: dict[str, ThresholdForm]) -> HttpResponse:
    with serving(desk.bank.id):
        rules = {each.alert_type: each for each in AlertRule.objects.all()}
        since = timezone.now() - COUNTED
        counted = Alert.objects.filter(raised_at__gte=since).values("alert_type")
        raised: dict[str, Mapping[str, Any]] = {
            each["alert_type"]: each
            for each in counted.annotate(n=Count("id"), last=Max("raised_at"))
        }
        feed = Feed.objects.filter(kind=FeedKind.TRANSACTIONS, enabled=True).exists()
    shown = desk.context("alert_types") | {
        "alert_types": [
            _shown(desk, each, rules.get(each), raised.get(each, {}), refused.get(each))
            for each in AlertType
        ],
        "transactions_on": feed,
        "feeds_url": reverse("console:feeds", args=[desk.bank.slug]),
        "may_edit": desk.may(Permission.MANAGE_ALERT_TYPES),
    }
    return render(
        request, "partners/alerts/alert_types.html", shown, status=400 if refused else 200
    )


def _shown(
    desk: Desk,
    alert_type: AlertType,
    rule: AlertRule | None,
    raised: Mapping[str, Any],
    refused: ThresholdForm | None,
) -> dict[str, Any]:
    parameters = rule.parameters if rule else {}
    return {
        "code": alert_type.value,
        "label": alert_type.label,
        "enabled": bool(rule and rule.enabled),
        "switch_url": reverse("console:alert_type", args=[desk.bank.slug, alert_type.value]),
        "save_url": reverse("console:alert_parameters", args=[desk.bank.slug, alert_type.value]),
        "form": refused
        or parameters_form(alert_type, currency=desk.bank.currency, parameters=parameters),
        "raised_count": raised.get("n", 0),
        "last_raised_at": raised.get("last"),
    }


def _back(desk: Desk, alert_type: str) -> HttpResponse:
    return redirect(reverse("console:alert_types", args=[desk.bank.slug]) + f"#{alert_type}")


@require_POST
@staff_page(Permission.MANAGE_ALERT_TYPES)
def alert_type(request: HttpRequest, desk: Desk, code: str) -> HttpResponse:
    """Turn one type on or off."""
    if code not in AlertType.values:
        raise Http404
    on = request.POST.get("enabled") == "on"
    with serving(desk.bank.id):
        rule = change_rule(alert_type=code, enabled=on)
    words = _("%(type)s: on.") if on else _("%(type)s: off.")
    messages.success(request, words % {"type": AlertType(code).label})
    if on and code in LABELS and "threshold_minor" not in rule.parameters:
        messages.warning(request, _("Say an amount: until then it is never raised."))
    return _back(desk, code)


@require_POST
@staff_page(Permission.MANAGE_ALERT_TYPES)
def alert_parameters(request: HttpRequest, desk: Desk, code: str) -> HttpResponse:
    """When one type is raised; what was typed stays when it is refused."""
    if code not in AlertType.values:
        raise Http404
    form = parameters_form(code, currency=desk.bank.currency, parameters={}, data=request.POST)
    if form is None:
        raise Http404
    if not form.is_valid():
        return _page(request, desk, refused={code: form})
    with serving(desk.bank.id):
        change_rule(
            alert_type=code, parameters=form.cleaned_data | {"currency": desk.bank.currency}
        )
    messages.success(request, _("Saved."))
    return _back(desk, code)
