from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0009_narrower_reaches'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='refusalcount',
            name='refusal_count_once',
        ),
        migrations.RenameModel(
            old_name='RefusalCount',
            new_name='DisclosureCount',
        ),
        migrations.RenameField(
            model_name='disclosurecount',
            old_name='minute',
            new_name='since',
        ),
        migrations.AddField(
            model_name='disclosurecount',
            name='about',
            field=models.UUIDField(blank=True, null=True),
        ),
        migrations.RenameIndex(
            model_name='disclosurecount',
            old_name='refusal_count_of',
            new_name='disclosure_count_of',
        ),
        migrations.AddConstraint(
            model_name='disclosurecount',
            constraint=models.UniqueConstraint(fields=('bank', 'recipient', 'pseudonym', 'consent_id', 'about', 'door', 'feed', 'reason', 'since'), name='disclosure_count_once', nulls_distinct=False),
        ),
    ]
