"""An entry's equals are of its day, and are found by that."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("partners", "0034_when_a_bank_was_asked_for_names")]

    operations = [migrations.RemoveIndex(model_name="entry", name="entry_fingerprint")]
