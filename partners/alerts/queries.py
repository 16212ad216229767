"""Reading a bank's rules and the alerts that were raised."""

from typing import Any

from partners.alerts.models import AlertRule


def enabled_rules() -> dict[str, dict[str, Any]]:
    """The alert types that the served bank has on, each with its parameters."""
    rows = AlertRule.objects.filter(enabled=True).values_list("alert_type", "parameters")
    return dict(rows)
