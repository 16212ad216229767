from django.db import migrations

from portal.tenancy.operations import TenantKeys, TenantTable


class Migration(migrations.Migration):
    dependencies = [("portal", "0005_signing_keys")]
    operations = [TenantTable("SigningKey", reach="bank alone"), TenantKeys("SigningKey")]
