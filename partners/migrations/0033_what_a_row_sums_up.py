from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("partners", "0032_what_fails_again_and_again_is_found")]

    operations = [
        migrations.AddField(
            "entry", "details", models.TextField(blank=True, db_default="", default="")
        ),
    ]
