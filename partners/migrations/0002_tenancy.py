from django.db import migrations

from portal.tenancy.operations import TenantKeys, TenantTable


class Migration(migrations.Migration):
    dependencies = [("partners", "0001_initial")]
    operations = [
        TenantTable("Customer", reach="customer:id"),
        TenantTable("Integration", reach="bank"),
        TenantTable("Connection", reach="customer_id"),
        TenantTable("Authorisation", reach="customer_id"),
        TenantTable("Feed", reach="bank"),
        TenantTable("Account", reach="account:id"),
        TenantTable("Balance", reach="account_id"),
        TenantTable("Entry", reach="account_id"),
        TenantTable("EntryAlias", reach="account_id"),
        TenantTable("EntryConflict", reach="account_id"),
        TenantTable("SyncRun", reach="account_id"),
        TenantTable("Notification", reach="bank"),
        TenantTable("FeedCursor", reach="account_id", queue=True),
        TenantTable("AlertRule", reach="bank"),
        TenantTable("Alert", reach="account_id"),
        TenantTable("Instruction", reach="account_id", queue=True),
        TenantKeys("Customer"),
        TenantKeys("Integration"),
        TenantKeys("Connection"),
        TenantKeys("Authorisation"),
        TenantKeys("Feed"),
        TenantKeys("Account"),
        TenantKeys("Balance"),
        TenantKeys("Entry"),
        TenantKeys("EntryAlias"),
        TenantKeys("EntryConflict"),
        TenantKeys("SyncRun"),
        TenantKeys("Notification"),
        TenantKeys("FeedCursor"),
        TenantKeys("AlertRule"),
        TenantKeys("Alert"),
        TenantKeys("Instruction"),
    ]
