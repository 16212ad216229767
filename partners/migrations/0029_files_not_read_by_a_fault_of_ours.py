from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("partners", "0028_how_often_a_bank_may_be_asked")]

    operations = [
        migrations.AddField(
            "statementimport",
            "fault",
            models.CharField(
                blank=True,
                choices=[
                    ("database", "The database was away, or refused to write."),
                    ("disk", "The disk was full, or did not answer."),
                    ("file", "The file is not where it was put, or could not be opened."),
                    ("time", "It took too long."),
                    ("other", "Something in the portal went wrong. It is in the log."),
                ],
                default="",
                max_length=10,
            ),
            preserve_default=False,
        ),
        migrations.AlterField(
            "statementimport",
            "state",
            models.CharField(
                choices=[
                    ("received", "Received"),
                    ("reading", "Being read"),
                    ("needs_mapping", "Needs its columns"),
                    ("done", "Read"),
                    ("refused", "Refused"),
                    ("failed", "Not read, by a fault of ours"),
                ],
                default="received",
                max_length=14,
            ),
        ),
        migrations.AlterField(
            "staffdeed",
            "what",
            models.CharField(
                choices=[
                    ("tried_again", "Had failing readings tried again"),
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
    ]
