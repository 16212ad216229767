from django.db import migrations, models

_KINDS = [
    ("transactions", "Card and account transactions"),
    ("receipts", "Receipts"),
    ("shipments", "Shipping updates"),
    ("balances", "Balances"),
    ("names", "Names and last digits of accounts"),
    ("raw", "What the bank sent, and how it was read"),
]


class Migration(migrations.Migration):
    dependencies = [("partners", "0030_what_an_entry_says_in_sixteen_bytes")]
    operations = [
        migrations.AlterField(name, "kind", models.CharField(choices=_KINDS, max_length=20))
        for name in ("retentionrule", "retentionrun")
    ]
