import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("partners", "0037_what_is_pending_is_found_and_why_it_went")]
    operations = [
        migrations.AddField(
            "account",
            "renumbers",
            django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=40),
                db_default=[],
                default=list,
                size=None,
            ),
        ),
        migrations.AlterField(
            "entrypair",
            "reason",
            models.CharField(
                max_length=6,
                choices=[
                    ("words", "The same day and amount, told in other words"),
                    ("day", "The same amount and words, on another day"),
                    ("amount", "Pending before, and posted with another amount"),
                    ("names", "The same day, amount and words, under another reference"),
                ],
            ),
        ),
    ]
