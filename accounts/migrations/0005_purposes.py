"""The purposes that exist, and the words they are explained with."""

import hashlib

from django.db import migrations

PURPOSES = {
    "see_in_chat": "Show my accounts and alerts in the bank's chat",
    "budgeting": "Help me plan my money",
}
NOTICES = {
    ("see_in_chat", "en"): (
        "The bank's chat shows you the accounts, payments and alerts that you choose, and nothing"
        " else. It reads them at your bank for as long as you allow, a year at most. They are used"
        " for this alone: not for advertising, not for scoring, not for training, and they are passed"
        " on to nobody. You can see every reading under “Who sees what” and end it there at any"
        " time, at once."
    ),
    ("see_in_chat", "it"): (
        "La chat della banca ti mostra i conti, i pagamenti e gli avvisi che scegli tu, e niente"
        " altro. Li legge presso la tua banca per il tempo che consenti, al massimo un anno. Servono"
        " solo a questo: non per pubblicità, non per punteggi, non per addestramento, e non passano a"
        " nessuno. In «Chi vede cosa» trovi ogni lettura e puoi interrompere tutto in ogni momento,"
        " con effetto immediato."
    ),
    ("see_in_chat", "es"): (
        "El chat del banco te muestra las cuentas, los pagos y los avisos que tú eliges, y nada más."
        " Los lee en tu banco durante el tiempo que permitas, un año como máximo. Se usan solo para"
        " esto: ni publicidad, ni puntuaciones, ni entrenamiento, y no se entregan a nadie. En «Quién"
        " ve qué» ves cada lectura y puedes terminarlo en cualquier momento, al instante."
    ),
    ("budgeting", "en"): (
        "The program that you name reads the balances and payments that you choose to help you plan"
        " your money, and for nothing else. It may do so for as long as you allow, a year at most,"
        " and may not pass them on. You can see every reading under “Who sees what” and end it there"
        " at any time, at once."
    ),
    ("budgeting", "it"): (
        "Il programma che indichi legge i saldi e i pagamenti che scegli per aiutarti a gestire il"
        " tuo denaro, e per niente altro. Può farlo per il tempo che consenti, al massimo un anno, e"
        " non può passarli ad altri. In «Chi vede cosa» trovi ogni lettura e puoi interrompere tutto"
        " in ogni momento, con effetto immediato."
    ),
    ("budgeting", "es"): (
        "El programa que indicas lee los saldos y los pagos que eliges para ayudarte a planificar tu"
        " dinero, y para nada más. Puede hacerlo durante el tiempo que permitas, un año como máximo,"
        " y no puede entregarlos a nadie. En «Quién ve qué» ves cada lectura y puedes terminarlo en"
        " cualquier momento, al instante."
    ),
}


def write_purposes(apps, schema_editor):
    alias = schema_editor.connection.alias
    purposes = apps.get_model("accounts", "Purpose").objects.using(alias)
    notices = apps.get_model("accounts", "Notice").objects.using(alias)
    made = {
        code: purposes.get_or_create(code=code, version=1, defaults={"title": title})[0]
        for code, title in PURPOSES.items()
    }
    for (code, locale), text in NOTICES.items():
        notices.get_or_create(
            purpose=made[code],
            locale=locale,
            sha256=hashlib.sha256(text.encode()).hexdigest(),
            defaults={"text": text},
        )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_refusals_of_one_customer")]
    operations = [migrations.RunPython(write_purposes, migrations.RunPython.noop)]
