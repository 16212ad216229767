"""Migration operations that give a tenant's table its keys and its row policies.

Each statement is executed alone, and policies are plain comparisons, so that the same migrations
run where the tables are distributed by `bank_id`.
"""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db import models
from django.db.migrations.operations.base import Operation

from portal.tenancy.models import RowReach, TenantForeignKey

SERVED_BANK = "nullif(current_setting('portal.bank_id', true), '')::uuid"
SERVED_CUSTOMER = "nullif(current_setting('portal.customer_id', true), '')::uuid"
SERVED_PSEUDONYM = "nullif(current_setting('portal.pseudonym', true), '')::uuid"
SERVED_ACCOUNTS = "nullif(current_setting('portal.account_ids', true), '')::uuid[]"
WHOLE_BANK = "current_setting('portal.reach', true) = 'bank'"
OF_A_CUSTOMER = "current_setting('portal.reach', true) = 'customer'"

_THEIRS = f"customer_id = {SERVED_CUSTOMER}"
_OF_ACCOUNTS = f"account_id = any({SERVED_ACCOUNTS})"
# What a block narrower than the bank's sees of a table.
_REACHED = {
    RowReach.BANK_ALONE: "false",
    RowReach.ADDED: "false",
    RowReach.CUSTOMER: _THEIRS,
    RowReach.ACCOUNT: _OF_ACCOUNTS,
    # Which accounts a customer has is found by their links: those are read before it is known.
    RowReach.CUSTOMER_AND_ACCOUNT: f"{_THEIRS} AND ({OF_A_CUSTOMER} OR {_OF_ACCOUNTS})",
    RowReach.PSEUDONYM: f"pseudonym = {SERVED_PSEUDONYM}",
    RowReach.CUSTOMER_ITSELF: f"id = {SERVED_CUSTOMER}",
    RowReach.ACCOUNT_ITSELF: f"id = any({SERVED_ACCOUNTS})",
}
# And what it may write, where that is not the same.
_WRITTEN = {
    RowReach.ADDED: "true",
    RowReach.CUSTOMER_AND_ACCOUNT: f"{_THEIRS} AND {_OF_ACCOUNTS}",
}


# Its arguments are the columns that may be written once, the first of them null until then.
_WRITTEN_ONCE = """
    CREATE OR REPLACE FUNCTION portal_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_NARGS > 0
            AND to_jsonb(OLD) ->> TG_ARGV[0] IS NULL
            AND to_jsonb(OLD) - TG_ARGV = to_jsonb(NEW) - TG_ARGV
        THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'a row of % stays as it was written', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END
    $$
"""


def role(alias: str) -> str:
    """The database role that an alias connects as, quoted."""
    return '"' + str(settings.DATABASES[alias]["USER"]).replace('"', '""') + '"'


def within_reach(table: str, reach: RowReach) -> str:
    """The statement that holds a table to the reach of the open block."""
    seen, written = _REACHED[reach], _WRITTEN.get(reach, _REACHED[reach])
    return (
        f'CREATE POLICY within_reach ON "{table}" AS RESTRICTIVE'
        f" TO {role('default')}, {role('owner')}"
        f" USING ({WHOLE_BANK} OR ({seen})) WITH CHECK ({WHOLE_BANK} OR ({written}))"
    )


class TenantTable(Operation):
    """A primary key that carries the bank, forced row-level security, and the policies of a table."""

    reversible = True
    reduces_to_sql = True

    def __init__(
        self,
        name: str,
        *,
        reach: str,
        append_only: bool = False,
        queue: bool = False,
        seen: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.reach = RowReach(reach)
        self.append_only = append_only
        self.queue = queue
        # What else of a queue the system role may read, of every bank.
        self.seen = seen

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        flags = {"append_only": self.append_only, "queue": self.queue, "seen": self.seen}
        return type(self).__name__, [self.name], {"reach": self.reach.value, **flags}

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Nothing: Django's picture of the model stays as it is."""

    def describe(self) -> str:
        return f"Give {self.name} its bank keys and row policies"

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        model = to_state.apps.get_model(app_label, self.name)
        for statement in self.statements(model):
            schema_editor.execute(statement, params=None)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        table = from_state.apps.get_model(app_label, self.name)._meta.db_table
        for policy in ("of_bank", "within_reach", "due_work"):
            schema_editor.execute(f'DROP POLICY IF EXISTS {policy} ON "{table}"', params=None)
        schema_editor.execute(f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY', params=None)

    def statements(self, model: type[models.Model]) -> Iterator[str]:
        table = model._meta.db_table
        yield f'ALTER TABLE "{table}" DROP CONSTRAINT "{table}_pkey" CASCADE'
        yield f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_pkey" PRIMARY KEY (bank_id, id)'
        ours = f"{role('default')}, {role('owner')}"
        yield f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY'
        yield f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY'
        bank = f"bank_id = {SERVED_BANK}"
        yield f'CREATE POLICY of_bank ON "{table}" TO {ours} USING ({bank}) WITH CHECK ({bank})'
        if self.reach != RowReach.BANK:
            yield within_reach(table, self.reach)
        if self.append_only:
            yield f'REVOKE UPDATE, DELETE, TRUNCATE ON "{table}" FROM {role("default")}'
        if self.queue:
            yield f'CREATE POLICY due_work ON "{table}" FOR SELECT TO {role("system")} USING (true)'
            columns = ", ".join(("bank_id", "due_at", "lease_until", *self.seen))
            yield f'GRANT SELECT ({columns}) ON "{table}" TO {role("system")}'


class SystemSees(Operation):
    """Columns of a queue that the system role may read too, of every bank: counts, never whose."""

    reversible = True
    reduces_to_sql = True

    def __init__(self, name: str, columns: tuple[str, ...]) -> None:
        self.name = name
        self.columns = columns

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__name__, [self.name, self.columns], {}

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Nothing: Django's picture of the model stays as it is."""

    def describe(self) -> str:
        return f"Let the system role see {', '.join(self.columns)} of {self.name}"

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        self._say(to_state.apps.get_model(app_label, self.name), schema_editor, "GRANT", "TO")

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        self._say(from_state.apps.get_model(app_label, self.name), schema_editor, "REVOKE", "FROM")

    def _say(self, model: type[models.Model], schema_editor: Any, verb: str, to: str) -> None:
        columns, table = ", ".join(self.columns), model._meta.db_table
        statement = f'{verb} SELECT ({columns}) ON "{table}" {to} {role("system")}'
        schema_editor.execute(statement, params=None)


class WrittenOnce(Operation):
    """Rows of a table stay as they were written; `ends`: columns that are written later, once and together.

    The runtime role may change nothing else, and a trigger says so to whoever else comes. The first of
    `ends` is null until it is written. Rows that go with the row they belong to still go.
    """

    reversible = True
    reduces_to_sql = True

    def __init__(self, name: str, *, ends: tuple[str, ...] = ()) -> None:
        self.name = name
        self.ends = ends

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__name__, [self.name], {"ends": self.ends}

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Nothing: Django's picture of the model stays as it is."""

    def describe(self) -> str:
        return f"Keep {self.name} as it was written"

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        table = to_state.apps.get_model(app_label, self.name)._meta.db_table
        for statement in self.statements(table):
            schema_editor.execute(statement, params=None)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        table = from_state.apps.get_model(app_label, self.name)._meta.db_table
        schema_editor.execute(f'DROP TRIGGER IF EXISTS written_once ON "{table}"', params=None)
        schema_editor.execute(
            f'GRANT UPDATE, DELETE ON "{table}" TO {role("default")}', params=None
        )

    def statements(self, table: str) -> Iterator[str]:
        yield _WRITTEN_ONCE
        yield f'REVOKE UPDATE, DELETE, TRUNCATE ON "{table}" FROM {role("default")}'
        if self.ends:
            columns = ", ".join(self.ends)
            yield f'GRANT UPDATE ({columns}) ON "{table}" TO {role("default")}'
        arguments = ", ".join(f"'{each}'" for each in self.ends)
        yield (
            f'CREATE TRIGGER written_once BEFORE UPDATE ON "{table}" FOR EACH ROW'
            f" EXECUTE FUNCTION portal_written_once({arguments})"
        )


class ChangeReach(Operation):
    """Another reach for a table that has its policies already."""

    reversible = True
    reduces_to_sql = True

    def __init__(self, name: str, *, was: str, reach: str) -> None:
        self.name = name
        self.was = RowReach(was)
        self.reach = RowReach(reach)

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        reaches = {"was": self.was.value, "reach": self.reach.value}
        return type(self).__name__, [self.name], reaches

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Nothing: Django's picture of the model stays as it is."""

    def describe(self) -> str:
        return f"Hold {self.name} to the reach of {self.reach.value}"

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        self._hold(to_state.apps.get_model(app_label, self.name), schema_editor, self.reach)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        self._hold(from_state.apps.get_model(app_label, self.name), schema_editor, self.was)

    def _hold(self, model: type[models.Model], schema_editor: Any, reach: RowReach) -> None:
        table = model._meta.db_table
        schema_editor.execute(f'DROP POLICY IF EXISTS within_reach ON "{table}"', params=None)
        if reach != RowReach.BANK:
            schema_editor.execute(within_reach(table, reach), params=None)


class TenantKeys(Operation):
    """The database keys of a tenant's foreign keys: all of them, or those added later by name.

    Comes after `TenantTable` has run for the table and for those that it points to.
    """

    reversible = True
    reduces_to_sql = True

    def __init__(self, name: str, fields: list[str] | None = None) -> None:
        self.name = name
        self.fields = fields

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__name__, [self.name], {"fields": self.fields} if self.fields else {}

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Nothing: Django's picture of the model stays as it is."""

    def describe(self) -> str:
        return f"Tie {self.name} to rows of the same bank"

    def _keys(self, model: type[models.Model]) -> list[Any]:
        keys = [each for each in model._meta.local_fields if isinstance(each, models.ForeignKey)]
        return [each for each in keys if self.fields is None or each.name in self.fields]

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        model = to_state.apps.get_model(app_label, self.name)
        for field in self._keys(model):
            indexed = _leads_an_index(model, field)
            for statement in foreign_key(model._meta.db_table, field, indexed=indexed):
                schema_editor.execute(statement, params=None)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        model = from_state.apps.get_model(app_label, self.name)
        table = model._meta.db_table
        for field in self._keys(model):
            name = f"{table}_{field.column}_fk"
            schema_editor.execute(
                f'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS "{name}"', params=None
            )


def foreign_key(table: str, field: Any, *, indexed: bool) -> Iterator[str]:
    """The statements that tie `field` to its target: by (bank, id), or by id to a registry."""
    target = field.remote_field.model._meta
    column, other = field.column, target.db_table
    of_bank = any(
        each.name == "bank" and isinstance(each, TenantForeignKey) for each in target.local_fields
    )
    mine = f"bank_id, {column}" if of_bank else column
    theirs = "bank_id, id" if of_bank else "id"
    deleting = "CASCADE" if field.remote_field.on_delete is models.CASCADE else "RESTRICT"
    yield (
        f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_{column}_fk" FOREIGN KEY ({mine})'
        f' REFERENCES "{other}" ({theirs}) ON DELETE {deleting}'
    )
    if of_bank and not indexed:
        yield f'CREATE INDEX "{table}_{column}_ix" ON "{table}" (bank_id, {column})'


def _leads_an_index(model: type[models.Model], field: Any) -> bool:
    leads = [list(each.fields)[:2] for each in model._meta.indexes if not each.condition]
    leads += [
        list(each.fields)[:2]
        for each in model._meta.constraints
        if isinstance(each, models.UniqueConstraint) and not each.condition
    ]
    return ["bank", field.name] in leads
