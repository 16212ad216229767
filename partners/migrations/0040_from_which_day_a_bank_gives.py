"""Of a bank that gives less than a customer allows it is kept from which day on it gives."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("partners", "0039_what_could_not_be_read")]

    operations = [
        migrations.AddField(
            model_name="feedcursor",
            name="given_from",
            field=models.DateField(blank=True, null=True),
        ),
    ]
