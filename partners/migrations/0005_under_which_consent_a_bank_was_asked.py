import django.db.models.deletion
from django.db import migrations, models

import portal.tenancy.models
from portal.tenancy.operations import TenantKeys


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0006_reading_by_customer_and_feed'),
        ('partners', '0004_reading_by_customer_and_day'),
    ]

    operations = [
        migrations.AddField(
            model_name='instruction',
            name='consent',
            field=portal.tenancy.models.TenantForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.consent'),
        ),
        migrations.AddField(
            model_name='instruction',
            name='request_id',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name='instruction',
            name='trace',
            field=models.CharField(blank=True, max_length=64),
        ),
        TenantKeys("Instruction", fields=["consent"]),
    ]
