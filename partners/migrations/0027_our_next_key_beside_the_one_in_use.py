import django.db.models.deletion
from django.db import migrations, models

import portal.secrets.fields
import portal.tenancy.ids
import portal.tenancy.models
from portal.tenancy.operations import TenantKeys, TenantTable


def _belongs_to(target: str, on_delete: object, **more: object) -> models.Field:
    return portal.tenancy.models.TenantForeignKey(
        db_constraint=False,
        db_index=False,
        on_delete=on_delete,
        related_name="+",
        to=target,
        **more,
    )


class Migration(migrations.Migration):
    dependencies = [("partners", "0026_what_a_balance_says_of_a_credit_line")]
    operations = [
        migrations.CreateModel(
            name="ClientKey",
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
                    "place",
                    models.CharField(
                        choices=[("next", "Next"), ("before", "Before")], max_length=6
                    ),
                ),
                ("key_id", models.CharField(blank=True, max_length=128)),
                (
                    "private_key",
                    portal.secrets.fields.SealedField(blank=True, default="", editable=False),
                ),
                ("certificate", models.TextField(blank=True)),
                ("certificate_until", models.DateTimeField(blank=True, null=True)),
                ("since", models.DateTimeField()),
                ("tried_at", models.DateTimeField(blank=True, null=True)),
                ("report", models.JSONField(default=list)),
                (
                    "bank",
                    _belongs_to(
                        "partners.bank", django.db.models.deletion.RESTRICT, editable=False
                    ),
                ),
                (
                    "integration",
                    _belongs_to("partners.integration", django.db.models.deletion.CASCADE),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("bank", "integration", "place"), name="client_key_once_per_place"
                    )
                ]
            },
        ),
        TenantTable("ClientKey", reach="bank alone"),
        TenantKeys("ClientKey"),
        migrations.AlterField(
            "staffdeed",
            "what",
            models.CharField(
                choices=[
                    ("tried_again", "Had failing readings tried again"),
                    ("history_paused", "Paused the reading of a history"),
                    ("history_resumed", "Resumed the reading of a history"),
                    ("history_cancelled", "Cancelled the reading of a history"),
                    ("history_begun", "Had a history read again from its beginning"),
                    ("key_stored", "Stored our next key for the bank"),
                    ("key_used", "Changed over to another of our keys"),
                    ("key_dropped", "Dropped one of our keys"),
                ],
                max_length=30,
            ),
        ),
    ]
