from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("partners", "0031_names_of_accounts_age_out")]
    operations = [
        migrations.AddIndex(
            "feedcursor",
            models.Index(
                condition=models.Q(("attempts__gte", 3), ("due_at__isnull", False))
                & models.Q(("last_problem", ""), _negated=True),
                fields=["bank", "kind", "last_problem"],
                name="feed_cursor_failing",
            ),
        )
    ]
