import django.db.models.deletion
import portal.tenancy.ids
import portal.tenancy.models
from django.db import migrations, models

from portal.tenancy.operations import TenantKeys, TenantTable

# What is sealed already. A record stands for itself and for what its closed count says beside it.
TALLY = """
    INSERT INTO accounts_tally
        (bank_id, id, day, recipient, purpose, feed, decision, reason, records, times, row_count, last_at)
    SELECT d.bank_id, uuidv7(), (d.at AT TIME ZONE %s)::date, d.recipient, d.purpose, d.feed, d.decision,
        d.reason, count(*), count(*) + coalesce(sum(c.count - 1), 0), sum(d.row_count), max(d.at)
    FROM accounts_disclosure d
    JOIN accounts_leaf l ON l.bank_id = d.bank_id AND l.id = d.id
    LEFT JOIN (accounts_disclosurecount c
        JOIN accounts_leaf of_count ON of_count.bank_id = c.bank_id AND of_count.id = c.id)
        ON c.bank_id = d.bank_id AND c.disclosure_id = d.id
    WHERE d.bank_id = %s
    GROUP BY d.bank_id, 3, d.recipient, d.purpose, d.feed, d.decision, d.reason
"""


def tally_what_is_sealed(apps, schema_editor):
    """Under forced policies the owner sees one bank at a time, too."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT id, time_zone FROM partners_bank")
        for bank_id, time_zone in cursor.fetchall():
            cursor.execute(f"SET LOCAL portal.bank_id = '{bank_id}'")
            cursor.execute("SET LOCAL portal.reach = 'bank'")
            cursor.execute(TALLY, [time_zone, bank_id])
        cursor.execute("SET LOCAL portal.bank_id = ''")
        cursor.execute("SET LOCAL portal.reach = ''")


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0017_what_programs_ask'),
        ('partners', '0013_walks_that_came_to_nothing'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='disclosure',
            index=models.Index(fields=['bank', 'recipient', '-at'], name='disclosure_of_recipient'),
        ),
        migrations.AddIndex(
            model_name='consent',
            index=models.Index(condition=models.Q(('ended_at__isnull', True)), fields=['bank', 'expires_at'], include=['customer', 'recipient', 'client', 'purpose', 'granted_at'], name='consent_open'),
        ),
        migrations.AddIndex(
            model_name='consentevent',
            index=models.Index(fields=['bank', 'at'], include=['customer', 'kind'], name='consent_event_of_day'),
        ),
        migrations.CreateModel(
            name='Tally',
            fields=[
                ('id', models.UUIDField(default=portal.tenancy.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('recipient', models.CharField(max_length=60)),
                ('purpose', models.CharField(blank=True, max_length=40)),
                ('feed', models.CharField(max_length=20)),
                ('decision', models.CharField(choices=[('released', 'Shown'), ('refused', 'Refused')], max_length=8)),
                ('reason', models.CharField(blank=True, max_length=40)),
                ('records', models.PositiveBigIntegerField()),
                ('times', models.PositiveBigIntegerField()),
                ('row_count', models.PositiveBigIntegerField()),
                ('last_at', models.DateTimeField()),
                ('bank', portal.tenancy.models.TenantForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.RESTRICT, related_name='+', to='partners.bank')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('bank', 'day', 'recipient', 'purpose', 'feed', 'decision', 'reason'), name='tally_once')],
            },
        ),
        TenantTable("Tally", reach="bank alone"),
        TenantKeys("Tally"),
        migrations.RunPython(tally_what_is_sealed, migrations.RunPython.noop),
    ]
