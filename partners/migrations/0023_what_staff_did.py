import django.db.models.deletion
from django.db import migrations, models

import portal.tenancy.ids
import portal.tenancy.models
from portal.tenancy.operations import TenantKeys, TenantTable


class Migration(migrations.Migration):
    dependencies = [("partners", "0022_files_are_listed_by_their_ids")]
    operations = [
        migrations.CreateModel(
            name="StaffDeed",
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
                    "what",
                    models.CharField(
                        choices=[("tried_again", "Had failing readings tried again")],
                        max_length=30,
                    ),
                ),
                ("by", models.CharField(max_length=60)),
                ("about", models.JSONField(default=dict)),
                ("at", models.DateTimeField()),
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
            ],
            options={"abstract": False},
        ),
        TenantTable("StaffDeed", reach="bank alone"),
        TenantKeys("StaffDeed"),
    ]
