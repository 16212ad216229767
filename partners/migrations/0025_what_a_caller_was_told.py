import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("partners", "0024_how_far_a_history_is_read")]

    operations = [
        migrations.AddField(
            "account", "forgotten_seq", models.PositiveBigIntegerField(default=0)
        ),
        migrations.AddField("account", "forgotten_before", models.DateField(blank=True, null=True)),
        migrations.AddField(
            "entry",
            "seqs_before",
            django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(), blank=True, null=True, size=None
            ),
        ),
        migrations.AddIndex(
            "entry",
            models.Index(
                condition=models.Q(("status", "removed")),
                fields=["bank", "account", "changed_at"],
                name="entry_removed_at",
            ),
        ),
    ]
