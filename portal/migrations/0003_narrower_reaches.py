from django.db import migrations

from portal.tenancy.operations import ChangeReach


class Migration(migrations.Migration):
    dependencies = [("portal", "0002_tenancy")]
    operations = [
        ChangeReach("OutboxEvent", was="bank", reach="added"),
        ChangeReach("OutboxDelivery", was="bank", reach="added"),
    ]
