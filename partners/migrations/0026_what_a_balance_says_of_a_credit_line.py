"""A balance says of a credit line what the bank said: how much, and whether it is counted already."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("partners", "0025_what_a_caller_was_told")]

    operations = [
        migrations.AddField(
            model_name="balance",
            name="credit_line_minor",
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="balance",
            name="credit_line_included",
            field=models.BooleanField(blank=True, null=True),
        ),
    ]
