from django.db import migrations, models

import portal.secrets.fields


class Migration(migrations.Migration):
    dependencies = [("partners", "0016_one_payment_of_several_sources")]

    operations = [
        migrations.AddField(
            "integration",
            "authentication",
            models.CharField(
                choices=[
                    ("client_secret_basic", "A secret"),
                    ("private_key_jwt", "A signed assertion (private_key_jwt)"),
                    ("tls_client_auth", "A certificate in the TLS handshake (mTLS)"),
                ],
                default="client_secret_basic",
                max_length=20,
            ),
        ),
        migrations.AddField(
            "integration",
            "private_key",
            portal.secrets.fields.SealedField(blank=True, default="", editable=False),
        ),
        migrations.AddField("integration", "certificate", models.TextField(blank=True, default="")),
        migrations.AddField(
            "integration", "certificate_until", models.DateTimeField(blank=True, null=True)
        ),
        migrations.AddField(
            "integration", "key_id", models.CharField(blank=True, default="", max_length=128)
        ),
    ]
