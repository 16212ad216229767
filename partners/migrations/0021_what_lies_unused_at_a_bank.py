import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import portal.tenancy.ids
import portal.tenancy.models
from portal.tenancy.operations import TenantKeys, TenantTable


class Migration(migrations.Migration):
    dependencies = [("partners", "0020_statement_files")]
    operations = [
        migrations.CreateModel(
            name="SpareConsent",
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
                ("external_consent_id", models.CharField(max_length=128)),
                ("since", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("attempts", models.PositiveIntegerField(default=0)),
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
                (
                    "integration",
                    portal.tenancy.models.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.RESTRICT,
                        related_name="+",
                        to="partners.integration",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["bank", "due_at"], name="spare_consent_due")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("bank", "external_consent_id"), name="spare_consent_once"
                    )
                ],
            },
        ),
        TenantTable("SpareConsent", reach="bank alone"),
        TenantKeys("SpareConsent"),
        # Those that are there are looked at once, from now on.
        migrations.AddField(
            model_name="connection",
            name="look_at",
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
        migrations.AddIndex(
            model_name="connection",
            index=models.Index(
                condition=models.Q(("status", "active")),
                fields=["bank", "look_at"],
                name="connection_to_look_at",
            ),
        ),
    ]
