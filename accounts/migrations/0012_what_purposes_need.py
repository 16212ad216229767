"""What each purpose needs, and one more that needs little."""

import hashlib

from django.db import migrations, models

FEEDS = ["balances", "transactions", "receipts", "shipments"]
ALERT_TYPES = ["fraud_suspected", "large_payment", "low_balance", "foreign", "refund", "salary"]
NEEDS = {
    "see_in_chat": (FEEDS, ALERT_TYPES),
    "budgeting": (FEEDS, ALERT_TYPES),
}
CODE, TITLE = "balance_watch", "Tell me how much I have"
NOTICES = {
    "en": (
        "The program that you name reads the balances that you choose to tell you how much you have,"
        " and for nothing else. It sees no payment. It may do so for as long as you allow, a year at"
        " most, and may not pass them on. You can see every reading under “Who sees what” and end it"
        " there at any time, at once."
    ),
    "it": (
        "Il programma che indichi legge i saldi che scegli per dirti quanto hai, e per niente altro."
        " Non vede nessun pagamento. Può farlo per il tempo che consenti, al massimo un anno, e non"
        " può passarli ad altri. In «Chi vede cosa» trovi ogni lettura e puoi interrompere tutto in"
        " ogni momento, con effetto immediato."
    ),
    "es": (
        "El programa que indicas lee los saldos que eliges para decirte cuánto tienes, y para nada"
        " más. No ve ningún pago. Puede hacerlo durante el tiempo que permitas, un año como máximo, y"
        " no puede entregarlos a nadie. En «Quién ve qué» ves cada lectura y puedes terminarlo en"
        " cualquier momento, al instante."
    ),
}


def write_needs(apps, schema_editor):
    alias = schema_editor.connection.alias
    purposes = apps.get_model("accounts", "Purpose").objects.using(alias)
    notices = apps.get_model("accounts", "Notice").objects.using(alias)
    for code, (feeds, alert_types) in NEEDS.items():
        purposes.filter(code=code).update(feeds=feeds, alert_types=alert_types)
    needs = {"feeds": ["balances"], "alert_types": ["low_balance"]}
    made, _new = purposes.get_or_create(
        code=CODE, version=1, defaults={"title": TITLE} | needs
    )
    for locale, text in NOTICES.items():
        notices.get_or_create(
            purpose=made,
            locale=locale,
            sha256=hashlib.sha256(text.encode()).hexdigest(),
            defaults={"text": text},
        )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0011_window_for_how_we_reach_you")]
    operations = [
        migrations.AddField("purpose", "feeds", models.JSONField(default=list)),
        migrations.AddField("purpose", "alert_types", models.JSONField(default=list)),
        migrations.RunPython(write_needs, migrations.RunPython.noop),
    ]
