"""A version that was taken over, and was taken back, may be told again: it is asked once at a time."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("partners", "0035_entries_without_an_index_of_fingerprints")]

    operations = [
        migrations.RemoveConstraint(model_name="entryconflict", name="entry_conflict_once"),
        migrations.AddConstraint(
            model_name="entryconflict",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "open")),
                fields=("bank", "entry", "reason", "amount_minor", "currency"),
                name="entry_conflict_once",
            ),
        ),
        migrations.AddIndex(
            model_name="entryconflict",
            index=models.Index(fields=["bank", "entry"], name="entry_conflict_of_entry"),
        ),
    ]
