from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("partners", "0012_erasures_and_legal_holds")]
    operations = [
        migrations.AlterField(
            model_name="authorisation",
            name="status",
            field=models.CharField(
                choices=[
                    ("at_bank", "At the bank"),
                    ("completed", "Completed"),
                    ("failed", "Failed"),
                ],
                default="at_bank",
                max_length=10,
            ),
        ),
    ]
