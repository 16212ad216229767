import django.db.models.deletion
from django.db import migrations, models

import portal.tenancy.ids
import portal.tenancy.models
from portal.tenancy.operations import TenantKeys, TenantTable

FIRST_SOURCE = "live:uk_open_banking"


def key(name, to, on_delete=django.db.models.deletion.CASCADE, **options):
    return (
        name,
        portal.tenancy.models.TenantForeignKey(
            db_constraint=False, db_index=False, on_delete=on_delete, related_name="+", to=to, **options
        ),
    )


class Migration(migrations.Migration):
    dependencies = [("partners", "0015_who_says_so")]

    operations = [
        migrations.AddField("entry", "merged_into", models.UUIDField(blank=True, null=True)),
        migrations.AddField("entryalias", "by_staff", models.BooleanField(default=False)),
        migrations.AddField(
            "entryconflict", "source", models.CharField(default=FIRST_SOURCE, max_length=40)
        ),
        migrations.AddField(
            "entryconflict",
            "external_id",
            models.CharField(blank=True, default="", max_length=210),
            preserve_default=False,
        ),
        migrations.AddField("entryconflict", "said", models.JSONField(default=dict)),
        migrations.AddField("entryconflict", "stored", models.JSONField(default=dict)),
        migrations.AddField(
            "entryconflict",
            "state",
            models.CharField(
                choices=[
                    ("open", "To be decided"),
                    ("taken", "Taken over"),
                    ("kept", "Left as it was"),
                ],
                default="open",
                max_length=5,
            ),
        ),
        migrations.AddField(
            "entryconflict",
            "decided_by",
            models.CharField(blank=True, default="", max_length=60),
            preserve_default=False,
        ),
        migrations.AddField(
            "entryconflict", "decided_at", models.DateTimeField(blank=True, null=True)
        ),
        migrations.AddIndex(
            "entryconflict",
            models.Index(fields=["bank", "state", "id"], name="entry_conflict_by_state"),
        ),
        migrations.CreateModel(
            name="EntryPair",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=portal.tenancy.ids.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("words", "The same day and amount, told in other words"),
                            ("day", "The same amount and words, on another day"),
                            ("amount", "Pending before, and posted with another amount"),
                        ],
                        max_length=6,
                    ),
                ),
                ("found_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "To be decided"),
                            ("same", "One payment"),
                            ("two", "Two payments"),
                        ],
                        default="open",
                        max_length=4,
                    ),
                ),
                ("decided_by", models.CharField(blank=True, max_length=60)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                key("account", "partners.account"),
                key("bank", "partners.bank", django.db.models.deletion.RESTRICT, editable=False),
                key("first", "partners.entry"),
                key("second", "partners.entry"),
            ],
            options={
                "indexes": [
                    models.Index(fields=["bank", "state", "id"], name="entry_pair_by_state"),
                    models.Index(
                        fields=["bank", "account", "state"], name="entry_pair_of_account"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("bank", "first", "second"), name="entry_pair_once"
                    )
                ],
            },
        ),
        TenantTable("EntryPair", reach="account_id"),
        TenantKeys("EntryPair"),
    ]
