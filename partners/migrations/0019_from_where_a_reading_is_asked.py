from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("partners", "0018_what_a_walk_brought_back")]

    operations = [
        migrations.AddField(
            "feedcursor", "asked_from", models.CharField(blank=True, default="", max_length=45)
        )
    ]
