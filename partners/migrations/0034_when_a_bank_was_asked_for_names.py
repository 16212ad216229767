import django.db.models.functions
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("partners", "0033_what_a_row_sums_up")]
    operations = [
        migrations.AddField(
            "connection",
            "facts_asked_at",
            models.DateTimeField(
                db_default=django.db.models.functions.Now(), default=django.utils.timezone.now
            ),
        )
    ]
