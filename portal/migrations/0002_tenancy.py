from django.db import migrations

from portal.tenancy.operations import TenantKeys, TenantTable


class Migration(migrations.Migration):
    dependencies = [("portal", "0001_initial"), ("partners", "0001_initial")]
    operations = [
        TenantTable("OutboxKey", reach="bank"),
        TenantTable("OutboxEvent", reach="bank"),
        TenantTable("OutboxDelivery", reach="bank", queue=True),
        TenantTable("IdempotencyRecord", reach="bank"),
        TenantKeys("OutboxKey"),
        TenantKeys("OutboxEvent"),
        TenantKeys("OutboxDelivery"),
        TenantKeys("IdempotencyRecord"),
    ]
