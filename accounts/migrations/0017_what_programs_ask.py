import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import portal.tenancy.ids
import portal.tenancy.models
from portal.tenancy.operations import TenantKeys, TenantTable


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0016_leaves_of_a_customer"),
        ("partners", "0013_walks_that_came_to_nothing"),
    ]
    operations = [
        migrations.AddField(
            model_name="accesstoken",
            name="consent",
            field=models.CharField(blank=True, max_length=80),
        ),
        migrations.AlterField(
            model_name="consentevent",
            name="kind",
            field=models.CharField(
                choices=[
                    ("granted", "Allowed"),
                    ("revoked", "Revoked"),
                    ("superseded", "Replaced by a newer one"),
                    ("denied", "Declined"),
                    ("abandoned", "Begun and not finished"),
                    ("reminded", "Told that it ends soon"),
                ],
                max_length=10,
            ),
        ),
        migrations.CreateModel(
            name="ConsentRequest",
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
                ("digest", models.CharField(max_length=64)),
                ("asked_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("consent", models.CharField(blank=True, max_length=80)),
                ("scope", models.CharField(blank=True, max_length=200)),
                ("redirect_uri", models.CharField(blank=True, max_length=500)),
                ("code_challenge", models.CharField(blank=True, max_length=128)),
                ("code_digest", models.CharField(blank=True, max_length=64)),
                ("code_expires_at", models.DateTimeField(blank=True, null=True)),
                ("used_at", models.DateTimeField(blank=True, null=True)),
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
                    "client",
                    portal.tenancy.models.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.RESTRICT,
                        related_name="+",
                        to=settings.OAUTH2_PROVIDER_APPLICATION_MODEL,
                    ),
                ),
                (
                    "customer",
                    portal.tenancy.models.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="partners.customer",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["bank", "code_digest"], name="consent_request_code"),
                    models.Index(fields=["bank", "expires_at"], name="consent_request_expiry"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("bank", "customer", "digest"), name="consent_request_once"
                    )
                ],
            },
        ),
        TenantTable("ConsentRequest", reach="customer_id"),
        TenantKeys("ConsentRequest"),
    ]
