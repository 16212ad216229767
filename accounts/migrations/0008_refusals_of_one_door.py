from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0007_programs_can_be_suspended'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='refusalcount',
            name='refusal_count_once',
        ),
        migrations.AddField(
            model_name='refusalcount',
            name='door',
            field=models.CharField(default='', max_length=40),
            preserve_default=False,
        ),
        migrations.AddConstraint(
            model_name='refusalcount',
            constraint=models.UniqueConstraint(fields=('bank', 'recipient', 'pseudonym', 'consent_id', 'door', 'feed', 'reason', 'minute'), name='refusal_count_once', nulls_distinct=False),
        ),
    ]
