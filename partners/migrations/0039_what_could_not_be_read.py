from django.db import migrations, models

from portal.tenancy.operations import SystemSees


class Migration(migrations.Migration):
    dependencies = [("partners", "0038_which_references_are_given_anew")]
    operations = [
        migrations.AddField(
            "feedcursor", "unreadable", models.JSONField(blank=True, db_default=[], default=list)
        ),
        migrations.AddField(
            "feedcursor", "unreadable_rows", models.PositiveIntegerField(db_default=0, default=0)
        ),
        migrations.AddIndex(
            "feedcursor",
            models.Index(
                condition=models.Q(("unreadable_rows__gt", 0)),
                fields=["bank", "id"],
                name="feed_cursor_unreadable",
            ),
        ),
        migrations.AlterField(
            model_name="staffdeed",
            name="what",
            field=models.CharField(
                choices=[
                    ("tried_again", "Had failing readings tried again"),
                    ("rows_again", "Had rows read again that could not be read"),
                    ("history_paused", "Paused the reading of a history"),
                    ("history_resumed", "Resumed the reading of a history"),
                    ("history_cancelled", "Cancelled the reading of a history"),
                    ("history_begun", "Had a history read again from its beginning"),
                    ("key_stored", "Stored our next key for the bank"),
                    ("key_used", "Changed over to another of our keys"),
                    ("key_dropped", "Dropped one of our keys"),
                    ("file_again", "Had a statement file read again"),
                ],
                max_length=30,
            ),
        ),
        SystemSees("feedcursor", ("unreadable_rows",)),
    ]
