from django.db import migrations, models

import portal.secrets.fields


class Migration(migrations.Migration):
    dependencies = [("partners", "0017_how_we_prove_who_we_are")]
    operations = [
        migrations.AddField(
            model_name="authorisation",
            name="brought",
            field=portal.secrets.fields.SealedField(blank=True, default="", editable=False),
        ),
        migrations.AddField(
            model_name="connection",
            name="allowed_digest",
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AlterField(
            model_name="authorisation",
            name="status",
            field=models.CharField(
                choices=[
                    ("at_bank", "At the bank"),
                    ("choosing", "Choosing what may be read"),
                    ("completed", "Completed"),
                    ("failed", "Failed"),
                ],
                default="at_bank",
                max_length=10,
            ),
        ),
    ]
