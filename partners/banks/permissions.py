"""Who may do what at a bank: the one table, checked at the door."""

from enum import StrEnum

from partners.banks.models import Staff

Role = Staff.Role


class Permission(StrEnum):
    VIEW_OVERVIEW = "view_overview"
    VIEW_CHOICES = "view_choices"  # integration, feeds and alert types, as they are
    MANAGE_INTEGRATION = "manage_integration"
    MANAGE_FEEDS = "manage_feeds"
    MANAGE_ALERT_TYPES = "manage_alert_types"
    VIEW_CUSTOMERS = "view_customers"
    VIEW_DISCLOSURES = "view_disclosures"
    MANAGE_HOLDS = "manage_holds"  # what the law has the bank keep of a customer
    MANAGE_RETENTION = "manage_retention"  # how long what nobody allows any more is kept
    MANAGE_HISTORIES = "manage_histories"  # whether the history of an account is read on
    MANAGE_ENTRIES = "manage_entries"  # what is one payment, and which version of it is so
    ANSWER_CUSTOMERS = "answer_customers"
    VIEW_STAFF = "view_staff"
    MANAGE_STAFF = "manage_staff"


_SEE = frozenset({Permission.VIEW_OVERVIEW, Permission.VIEW_CHOICES, Permission.VIEW_STAFF})

ALLOWED: dict[str, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.INTEGRATOR: _SEE
    | {Permission.MANAGE_INTEGRATION, Permission.MANAGE_FEEDS, Permission.MANAGE_ALERT_TYPES},
    Role.COMPLIANCE: _SEE
    | {
        Permission.MANAGE_FEEDS,
        Permission.VIEW_CUSTOMERS,
        Permission.VIEW_DISCLOSURES,
        Permission.MANAGE_HOLDS,
        Permission.MANAGE_RETENTION,
        Permission.MANAGE_ENTRIES,
    },
    Role.AGENT: frozenset(
        {Permission.VIEW_OVERVIEW, Permission.VIEW_CUSTOMERS, Permission.ANSWER_CUSTOMERS}
    ),
    Role.AUDITOR: _SEE | {Permission.VIEW_CUSTOMERS, Permission.VIEW_DISCLOSURES},
}


def may(role: str, permission: Permission) -> bool:
    """Whether a role has a permission; a role that is not in the table has none."""
    return permission in ALLOWED.get(role, frozenset())
