import django.contrib.postgres.fields
from django.db import migrations, models

FIRST_SOURCE = "live:uk_open_banking"

def name_sources(apps, schema_editor):
    """What was read until now was read by the bank's one interface. The owner sees one bank at a time, too."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT id FROM partners_bank")
        for (bank_id,) in cursor.fetchall():
            cursor.execute(f"SET LOCAL portal.bank_id = '{bank_id}'")
            cursor.execute("SET LOCAL portal.reach = 'bank'")
            cursor.execute("SELECT 'live:' || connector FROM partners_integration ORDER BY mode LIMIT 1")
            found = cursor.fetchone()
            source = found[0] if found else FIRST_SOURCE
            cursor.execute(
                "UPDATE partners_account SET sources = ARRAY[%s::varchar] WHERE change_seq > 0", [source]
            )
            if source != FIRST_SOURCE:
                cursor.execute("UPDATE partners_entry SET source = %s", [source])
                cursor.execute("UPDATE partners_entryalias SET source = %s", [source])
        cursor.execute("SET LOCAL portal.bank_id = ''")
        cursor.execute("SET LOCAL portal.reach = ''")


class Migration(migrations.Migration):
    dependencies = [("partners", "0014_retention")]

    operations = [
        migrations.AddField(
            "account",
            "sources",
            django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=40), default=list, size=None
            ),
        ),
        migrations.AddField(
            "entry", "source", models.CharField(default=FIRST_SOURCE, max_length=40)
        ),
        migrations.AddField(
            "entry", "bank_references", models.CharField(blank=True, max_length=300, default=""),
            preserve_default=False,
        ),
        migrations.AddField(
            "entryalias", "source", models.CharField(default=FIRST_SOURCE, max_length=40)
        ),
        migrations.AddField("entryalias", "said", models.JSONField(default=dict)),
        migrations.RemoveConstraint("entry", "entry_external_id"),
        migrations.AddConstraint(
            "entry",
            models.UniqueConstraint(
                fields=["bank", "account", "external_id", "source"], name="entry_external_id"
            ),
        ),
        migrations.RemoveConstraint("entryalias", "entry_alias_external_id"),
        migrations.AddConstraint(
            "entryalias",
            models.UniqueConstraint(
                fields=["bank", "account", "external_id", "source"],
                name="entry_alias_external_id",
            ),
        ),
        migrations.RunPython(name_sources, migrations.RunPython.noop),
    ]
