from django.db import migrations

from portal.tenancy.operations import TenantKeys, TenantTable, role

# Whoever writes a record has put it among the unsealed, whatever the code above thinks of.
ADD = """
    CREATE FUNCTION accounts_add_unsealed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO public.accounts_unsealed (bank_id, id, kind, due_at, fence, attempts)
        VALUES (NEW.bank_id, NEW.id, 'disclosure', clock_timestamp(), 0, 0);
        RETURN NULL;
    END $$
"""
ADD_COUNT = """
    CREATE FUNCTION accounts_add_unsealed_count() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO public.accounts_unsealed (bank_id, id, kind, due_at, fence, attempts)
        VALUES (NEW.bank_id, NEW.id, 'count', NEW.until, 0, 0);
        RETURN NULL;
    END $$
"""
# And it leaves them for the tree alone.
HOLD = """
    CREATE FUNCTION accounts_hold_unsealed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (
            SELECT 1 FROM public.accounts_leaf
            WHERE bank_id = OLD.bank_id AND id = OLD.id
        ) THEN
            RAISE EXCEPTION 'permission denied: no leaf holds this record';
        END IF;
        RETURN OLD;
    END $$
"""
HOLD_COUNT = """
    CREATE FUNCTION accounts_hold_count() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.closed_at IS NOT NULL OR NEW.count < OLD.count THEN
            RAISE EXCEPTION 'permission denied: this count is closed, or would shrink';
        END IF;
        RETURN NEW;
    END $$
"""
RUNTIME = role("default")


def queue_what_is_there(apps, schema_editor):
    """Under forced policies the owner sees one bank at a time, too."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT id FROM partners_bank")
        for (bank_id,) in cursor.fetchall():
            cursor.execute(f"SET LOCAL portal.bank_id = '{bank_id}'")
            cursor.execute("SET LOCAL portal.reach = 'bank'")
            # A minute with five to spare, or a day with an hour, as rules.py says.
            cursor.execute(
                "UPDATE accounts_disclosurecount SET until = since"
                " + CASE WHEN reason = '' THEN interval '25 hours' ELSE interval '6 minutes' END"
            )
            cursor.execute(
                "INSERT INTO accounts_unsealed (bank_id, id, kind, due_at, fence, attempts)"
                " SELECT bank_id, id, 'disclosure', at, 0, 0 FROM accounts_disclosure"
            )
            cursor.execute(
                "INSERT INTO accounts_unsealed (bank_id, id, kind, due_at, fence, attempts)"
                " SELECT bank_id, id, 'count', until, 0, 0 FROM accounts_disclosurecount"
            )
        cursor.execute("SET LOCAL portal.bank_id = ''")
        cursor.execute("SET LOCAL portal.reach = ''")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0014_disclosure_tree")]
    operations = [
        TenantTable("Unsealed", reach="added", queue=True),
        TenantTable("Leaf", reach="bank", append_only=True),
        TenantTable("Tile", reach="bank", append_only=True),
        TenantTable("Checkpoint", reach="bank", append_only=True),
        TenantKeys("Unsealed"),
        TenantKeys("Leaf"),
        TenantKeys("Tile"),
        TenantKeys("Checkpoint"),
        migrations.RunPython(queue_what_is_there, migrations.RunPython.noop),
        migrations.RunSQL(ADD, "DROP FUNCTION accounts_add_unsealed"),
        migrations.RunSQL(ADD_COUNT, "DROP FUNCTION accounts_add_unsealed_count"),
        migrations.RunSQL(HOLD, "DROP FUNCTION accounts_hold_unsealed"),
        migrations.RunSQL(HOLD_COUNT, "DROP FUNCTION accounts_hold_count"),
        migrations.RunSQL(
            "CREATE TRIGGER add_unsealed AFTER INSERT ON accounts_disclosure"
            " FOR EACH ROW EXECUTE FUNCTION accounts_add_unsealed()",
            "DROP TRIGGER add_unsealed ON accounts_disclosure",
        ),
        migrations.RunSQL(
            "CREATE TRIGGER add_unsealed AFTER INSERT ON accounts_disclosurecount"
            " FOR EACH ROW EXECUTE FUNCTION accounts_add_unsealed_count()",
            "DROP TRIGGER add_unsealed ON accounts_disclosurecount",
        ),
        migrations.RunSQL(
            "CREATE TRIGGER hold_unsealed BEFORE DELETE ON accounts_unsealed"
            " FOR EACH ROW EXECUTE FUNCTION accounts_hold_unsealed()",
            "DROP TRIGGER hold_unsealed ON accounts_unsealed",
        ),
        migrations.RunSQL(
            "CREATE TRIGGER hold_count BEFORE UPDATE ON accounts_disclosurecount"
            " FOR EACH ROW EXECUTE FUNCTION accounts_hold_count()",
            "DROP TRIGGER hold_count ON accounts_disclosurecount",
        ),
        migrations.RunSQL(
            f"REVOKE UPDATE, TRUNCATE ON accounts_unsealed FROM {RUNTIME}",
            f"GRANT UPDATE ON accounts_unsealed TO {RUNTIME}",
        ),
        migrations.RunSQL(
            f"REVOKE UPDATE, DELETE, TRUNCATE ON accounts_disclosurecount FROM {RUNTIME}",
            f"GRANT UPDATE, DELETE ON accounts_disclosurecount TO {RUNTIME}",
        ),
        migrations.RunSQL(
            f"GRANT UPDATE (count, closed_at) ON accounts_disclosurecount TO {RUNTIME}",
            migrations.RunSQL.noop,
        ),
    ]
