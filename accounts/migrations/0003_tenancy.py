from django.db import migrations

from portal.tenancy.operations import TenantKeys, TenantTable


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_initial"), ("partners", "0002_tenancy")]
    operations = [
        TenantTable("WidgetAssertion", reach="bank"),
        TenantTable("WidgetSession", reach="customer_id"),
        TenantTable("WindowCode", reach="customer_id"),
        TenantTable("Consent", reach="customer_id"),
        TenantTable("ConsentResource", reach="customer_id"),
        TenantTable("ConsentEvent", reach="customer_id"),
        TenantTable("Link", reach="customer_id"),
        TenantTable("Disclosure", reach="pseudonym", append_only=True),
        TenantTable("RefusalCount", reach="bank"),
        TenantKeys("WidgetAssertion"),
        TenantKeys("WidgetSession"),
        TenantKeys("WindowCode"),
        TenantKeys("Consent"),
        TenantKeys("ConsentResource"),
        TenantKeys("ConsentEvent"),
        TenantKeys("Link"),
        TenantKeys("Disclosure"),
        TenantKeys("RefusalCount"),
    ]
