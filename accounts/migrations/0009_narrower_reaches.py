from django.db import migrations

from portal.tenancy.operations import ChangeReach


class Migration(migrations.Migration):
    dependencies = [("accounts", "0008_refusals_of_one_door")]
    operations = [
        ChangeReach("Link", was="customer_id", reach="customer_id, account_id"),
        ChangeReach("ConsentResource", was="customer_id", reach="customer_id, account_id"),
        ChangeReach("RefusalCount", was="bank", reach="pseudonym"),
        ChangeReach("WidgetAssertion", was="bank", reach="bank alone"),
    ]
