"""A list of statement files is paged by their ids, which sort by when they came."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("partners", "0021_what_lies_unused_at_a_bank")]

    operations = [
        migrations.RemoveIndex(model_name="statementimport", name="statement_import_latest")
    ]
