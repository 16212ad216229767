import django.db.models.deletion
from django.conf import settings
from django.db import migrations

import portal.tenancy.models
from portal.tenancy.operations import TenantKeys


class Migration(migrations.Migration):
    dependencies = [("accounts", "0019_objections_of_joint_holders")]
    operations = [
        migrations.AddField(
            "consentevent",
            "client",
            portal.tenancy.models.TenantForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="+",
                to=settings.OAUTH2_PROVIDER_APPLICATION_MODEL,
            ),
        ),
        TenantKeys("ConsentEvent", ["client"]),
    ]
