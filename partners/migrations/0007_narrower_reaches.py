from django.db import migrations

from portal.tenancy.operations import ChangeReach


class Migration(migrations.Migration):
    dependencies = [("partners", "0006_bank_chat_page")]
    operations = [
        ChangeReach("Integration", was="bank", reach="bank alone"),
        ChangeReach("Notification", was="bank", reach="bank alone"),
    ]
