"""Every timetable and task. Tasks are wake-ups for rows; one that is lost costs latency alone."""

import gc
import os
from typing import Any

from celery import Celery
from celery.signals import task_postrun, task_prerun, worker_process_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(
    [
        "partners.asking",
        "partners.connections",
        "partners.sync",
        "partners.imports",
        "partners.instructions",
        "partners.integrations",
        "partners.records",
        "partners.retention",
        "messaging.delivery",
        "messaging.notices",
        "messaging.programs",
        "messaging.webhooks",
        "portal.outbox",
    ]
)

# name: (task, seconds between two looks); each finds by itself what is due.
TIMETABLE = {
    "pull what is due": ("partners.sync.tasks.pull_due", 5.0),
    "carry out instructions": ("partners.instructions.tasks.run_due", 5.0),
    "read statement files": ("partners.imports.tasks.read_due", 10.0),
    "look into drop folders": ("partners.imports.tasks.look_into_folders", 10.0),
    "let go of statement files": ("partners.imports.tasks.tidy", 3600.0),
    "erase": ("partners.records.tasks.erase_due", 30.0),
    "send notices": ("messaging.notices.tasks.send_due", 2.0),
    "send webhooks": ("messaging.webhooks.tasks.send_due", 5.0),
    "forget unfinished walks to a bank": (
        "partners.connections.tasks.forget_unfinished",
        60.0,
    ),
    "forget unanswered requests": ("partners.asking.tasks.forget_unanswered", 60.0),
    "remind of consents that end": ("messaging.delivery.tasks.remind", 600.0),
    "forget old webhooks": ("messaging.webhooks.tasks.age_out", 3600.0),
    "let go of what nobody allows": ("partners.retention.tasks.age_out", 3600.0),
    "forget what programs were told": ("messaging.programs.tasks.age_out", 3600.0),
    "forget delivered events": ("portal.outbox.tasks.age_out", 3600.0),
}
app.conf.beat_schedule = {
    title: {"task": task, "schedule": seconds, "options": {"expires": seconds * 2}}
    for title, (task, seconds) in TIMETABLE.items()
}

# Celery would close the pool of connections around every task, and each would connect anew: a third of a
# worker's work. Left alone (no setting with our prefix reaches this one), it does so seldom.
app.conf["CELERY_DB_REUSE_MAX"] = 10_000


@task_prerun.connect
@task_postrun.connect
def _close(**_given: Any) -> None:
    # As after each request: back to the pool, and closed where something went wrong.
    from django.db import close_old_connections  # noqa: PLC0415  # needs the settings

    close_old_connections()


@worker_process_init.connect
def _traced(**_given: Any) -> None:
    # In each child: what sends the spans is a thread, which a fork leaves behind.
    from portal.telemetry.traces import start_tracing  # noqa: PLC0415  # needs the settings

    start_tracing("worker")


@worker_process_init.connect
def _settled(**_given: Any) -> None:
    # What is there once a child is up stays, and need not be gone through whenever garbage is looked for.
    gc.freeze()
