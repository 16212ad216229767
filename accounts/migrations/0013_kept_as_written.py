from django.db import migrations, models
import django.db.models.deletion

import portal.tenancy.models
from portal.tenancy.operations import WrittenOnce


class Migration(migrations.Migration):
    dependencies = [("accounts", "0012_what_purposes_need")]
    operations = [
        migrations.AlterField(
            model_name="consentevent",
            name="consent",
            field=portal.tenancy.models.TenantForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="accounts.consent",
            ),
        ),
        migrations.AlterField(
            model_name="consentevent",
            name="kind",
            field=models.CharField(
                choices=[
                    ("granted", "Allowed"),
                    ("revoked", "Revoked"),
                    ("superseded", "Replaced by a newer one"),
                    ("denied", "Declined at the bank"),
                    ("abandoned", "Begun and not finished"),
                    ("reminded", "Told that it ends soon"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="consentevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("consent__isnull", False),
                    ("kind__in", ("granted", "revoked", "superseded", "reminded")),
                )
                | models.Q(("consent__isnull", True), ("kind__in", ("denied", "abandoned"))),
                name="consent_event_of",
            ),
        ),
        WrittenOnce("Purpose"),
        WrittenOnce("Notice"),
        WrittenOnce("Consent", ends=("ended_at", "ended_why")),
        WrittenOnce("ConsentResource"),
        WrittenOnce("ConsentEvent"),
    ]
