from django.db import migrations

from portal.tenancy.operations import TenantKeys, TenantTable

TABLES = ("Receipt", "ReceiptLine", "Shipment", "ShipmentStop", "PurchaseConflict")


class Migration(migrations.Migration):
    dependencies = [("partners", "0008_receipts_and_shipments")]
    operations = [
        *(TenantTable(each, reach="account_id") for each in TABLES),
        *(TenantKeys(each) for each in TABLES),
    ]
