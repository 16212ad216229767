"""Raising alerts with the entries that they are about, and changing a bank's rules."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from partners.alerts.models import Alert, AlertRule, AlertType
from partners.alerts.rules import Facts, Home, alert_types_of, is_low, is_news, once_key
from partners.banks.models import Bank
from partners.events import AlertRaised
from partners.ledger.models import Account, Entry
from portal.outbox.publishing import publish


def raise_alerts(
    *,
    bank: Bank,
    account: Account,
    entries: Sequence[Entry],
    since: datetime,
    at: datetime,
    trace: str = "",
) -> list[Alert]:
    """Raise what the bank's rules say of entries that are new or changed, each once.

    Call it in the transaction that stores them, with the account's row locked; `since` is when the
    account was first linked: what happened before is history.
    """
    rules = {each.alert_type: each for each in AlertRule.objects.filter(enabled=True)}
    home = Home(country=bank.country, currency=account.currency)
    parameters = {alert_type: each.parameters for alert_type, each in rules.items()}
    zone = ZoneInfo(bank.time_zone)
    wanted = [
        Alert(
            account=account,
            entry=entry,
            alert_type=alert_type,
            once_key=once_key(alert_type, entry.id),
            rule_version=rules[alert_type].version,
            raised_at=at,
        )
        for entry, facts in ((each, facts_of(each)) for each in entries)
        if entry.status != Entry.Status.REMOVED and is_news(facts, since=since, at=at, zone=zone)
        for alert_type in alert_types_of(facts, rules=parameters, home=home)
    ]
    return _keep(wanted, account=account, at=at, trace=trace)


def follow_entries(gone: Mapping[UUID, UUID]) -> None:
    """Of entries that turned out to be others, alerts are about those, and are not raised again."""
    for entry_id, into in gone.items():
        raised = {each.once_key for each in Alert.objects.filter(entry_id=into)}
        for alert in Alert.objects.filter(entry_id=entry_id):
            alert.entry_id = into
            now = once_key(AlertType(alert.alert_type), into)
            alert.once_key = alert.once_key if now in raised else now
            alert.save(update_fields=["entry", "once_key"])


def raise_low_balance(
    *,
    account: Account,
    before_minor: int | None,
    now_minor: int,
    currency: str,
    as_of: datetime,
    at: datetime,
    trace: str = "",
) -> list[Alert]:
    """Raise a low balance when a reading has fallen under the bank's threshold, once a fall."""
    rule = AlertRule.objects.filter(enabled=True, alert_type=AlertType.LOW_BALANCE).first()
    if rule is None or not is_low(
        before_minor=before_minor,
        now_minor=now_minor,
        currency=currency,
        parameters=rule.parameters,
    ):
        return []
    alert = Alert(
        account=account,
        alert_type=AlertType.LOW_BALANCE,
        once_key=once_key(AlertType.LOW_BALANCE, f"{account.id}:{as_of.isoformat()}"),
        rule_version=rule.version,
        raised_at=at,
    )
    return _keep([alert], account=account, at=at, trace=trace)


def _keep(wanted: list[Alert], *, account: Account, at: datetime, trace: str) -> list[Alert]:
    if not wanted:
        return []
    keys = [each.once_key for each in wanted]
    known = set(Alert.objects.filter(once_key__in=keys).values_list("once_key", flat=True))
    raised = Alert.objects.bulk_create(each for each in wanted if each.once_key not in known)
    for each in raised:
        event = AlertRaised(each.id, account.id, each.entry_id, each.alert_type)
        publish(event, key=f"account:{account.id}", occurred_at=at, trace=trace)
    return raised


def facts_of(entry: Entry) -> Facts:
    return Facts(
        kind=entry.kind,
        amount_minor=entry.amount_minor,
        currency=entry.currency,
        booked_on=entry.booked_on,
        booked_at=entry.booked_at,
        original_currency=entry.original_currency,
        merchant_country=entry.merchant_country,
        fraud_suspected=entry.fraud_suspected,
    )


def change_rule(
    *, alert_type: str, enabled: bool | None = None, parameters: dict[str, Any] | None = None
) -> AlertRule:
    """Turn a type on or off, or change its parameters; what was not given stays."""
    AlertRule.objects.bulk_create([AlertRule(alert_type=alert_type)], ignore_conflicts=True)
    rule = AlertRule.objects.select_for_update(no_key=True).get(alert_type=alert_type)
    if enabled is not None:
        rule.enabled = enabled
    if parameters is not None:
        rule.parameters = parameters
    rule.version += 1
    rule.save(update_fields=["enabled", "parameters", "version", "changed_at"])
    return rule
