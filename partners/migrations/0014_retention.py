import django.db.models.deletion
from django.db import migrations, models

import portal.tenancy.ids
import portal.tenancy.models
from portal.tenancy.operations import TenantKeys, TenantTable

KINDS = [
    ("transactions", "Card and account transactions"),
    ("receipts", "Receipts"),
    ("shipments", "Shipping updates"),
    ("balances", "Balances"),
    ("raw", "What the bank sent, and how it was read"),
]


def id_and_bank():
    return [
        (
            "id",
            models.UUIDField(
                default=portal.tenancy.ids.new_id, editable=False, primary_key=True, serialize=False
            ),
        ),
        ("kind", models.CharField(choices=KINDS, max_length=20)),
        (
            "bank",
            portal.tenancy.models.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                editable=False,
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="+",
                to="partners.bank",
            ),
        ),
    ]


class Migration(migrations.Migration):
    dependencies = [("partners", "0013_walks_that_came_to_nothing")]

    operations = [
        migrations.CreateModel(
            name="RetentionRule",
            fields=[
                *id_and_bank(),
                ("purpose", models.CharField(blank=True, max_length=40)),
                ("days", models.PositiveSmallIntegerField()),
                ("changed_by", models.CharField(max_length=60)),
                ("changed_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("bank", "kind", "purpose"), name="retention_rule_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RetentionRun",
            fields=[
                *id_and_bank(),
                ("on", models.DateField()),
                ("rules", models.JSONField(default=list)),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("after", models.UUIDField(blank=True, null=True)),
                ("accounts", models.PositiveIntegerField(default=0)),
                ("held", models.PositiveIntegerField(default=0)),
                ("gone", models.JSONField(default=dict)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["bank", "-on", "kind"], name="retention_run_latest")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("bank", "kind", "on"), name="retention_run_once"
                    )
                ],
            },
        ),
        TenantTable("RetentionRule", reach="bank alone"),
        TenantTable("RetentionRun", reach="bank alone"),
        TenantKeys("RetentionRule"),
        TenantKeys("RetentionRun"),
        migrations.AddIndex(
            "receipt",
            models.Index(fields=["bank", "account", "issued_at"], name="receipt_oldest"),
        ),
        migrations.AddIndex(
            "shipment",
            models.Index(fields=["bank", "account", "updated_at"], name="shipment_oldest"),
        ),
        migrations.AddIndex(
            "entryconflict",
            models.Index(fields=["bank", "seen_at"], name="entry_conflict_oldest"),
        ),
        migrations.AddIndex(
            "purchaseconflict",
            models.Index(fields=["bank", "seen_at"], name="purchase_conflict_oldest"),
        ),
    ]
