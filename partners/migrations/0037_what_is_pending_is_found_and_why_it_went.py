"""The oldest pending entry of an account is found by an index, and why an entry was removed is kept with it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("partners", "0036_what_contradicts_can_be_asked_again")]

    operations = [
        migrations.AddField(
            model_name="entry",
            name="removed_for",
            field=models.CharField(
                blank=True,
                choices=[
                    ("told", "The bank says that it is no more"),
                    ("not_listed", "The bank lists it no more"),
                    ("overdue", "Pending for longer than a payment can be, and listed no more"),
                    ("another", "It turned out to be another one"),
                ],
                db_default="",
                default="",
                max_length=10,
            ),
        ),
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(
                condition=models.Q(("status", "pending")),
                fields=["bank", "account", "booked_on"],
                name="entry_pending",
            ),
        ),
    ]
