from django.db import migrations

from portal.tenancy.operations import TenantKeys, TenantTable


class Migration(migrations.Migration):
    dependencies = [("messaging", "0001_initial"), ("partners", "0002_tenancy")]
    operations = [
        TenantTable("Stream", reach="customer_id"),
        TenantTable("Conversation", reach="customer_id"),
        TenantTable("Message", reach="customer_id"),
        TenantTable("StreamEvent", reach="customer_id"),
        TenantTable("ReadMark", reach="customer_id"),
        TenantKeys("Stream"),
        TenantKeys("Conversation"),
        TenantKeys("Message"),
        TenantKeys("StreamEvent"),
        TenantKeys("ReadMark"),
    ]
