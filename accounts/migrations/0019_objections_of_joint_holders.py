import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import portal.tenancy.ids
import portal.tenancy.models
from portal.tenancy.operations import TenantKeys, TenantTable


def _key(to, on_delete):
    return portal.tenancy.models.TenantForeignKey(
        db_constraint=False, db_index=False, on_delete=on_delete, related_name="+", to=to
    )


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0018_tallies"),
        ("partners", "0013_walks_that_came_to_nothing"),
    ]
    operations = [
        migrations.CreateModel(
            name="Objection",
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
                ("at", models.DateTimeField()),
                ("account", _key("partners.account", django.db.models.deletion.CASCADE)),
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
                    _key(
                        settings.OAUTH2_PROVIDER_APPLICATION_MODEL,
                        django.db.models.deletion.RESTRICT,
                    ),
                ),
                ("customer", _key("partners.customer", django.db.models.deletion.CASCADE)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("bank", "account", "client", "customer"), name="objection_once"
                    )
                ],
                "indexes": [models.Index(fields=["bank", "customer"], name="objection_of")],
            },
        ),
        TenantTable("Objection", reach="account_id"),
        TenantKeys("Objection"),
    ]
