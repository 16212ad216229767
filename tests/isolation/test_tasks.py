"""Every task, every handler and the relay, told of one bank and of another's rows: nothing seen, nothing written.

Found in Celery's registry, in `portal/subscriptions.py` and in the handlers' own files: one that is added
is in here by itself, or fails until somebody says what its arguments mean.
"""

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db.models import F
from django.utils import timezone
from django.utils.module_loading import import_string

from accounts.clients.models import ConsentRequest
from accounts.consent.models import Consent
from accounts.disclosure.sealing import seal_due
from messaging.conversations.models import StreamEvent
from messaging.notices.actions import Claim as NoticeClaim
from messaging.notices.actions import claim as claim_notice
from messaging.notices.lanes import AlertMails
from messaging.notices.mailing import MailLine
from messaging.notices.sending import send
from messaging.webhooks.actions import Errand as WebhookErrand
from messaging.webhooks.actions import Tried, claim_errands
from messaging.webhooks.models import WebhookDelivery
from messaging.webhooks.sending import note, prepare
from partners.banks.models import Bank
from partners.connections.models import Authorisation
from partners.feeds.cursors import Claim, claim_due
from partners.imports.actions import Claim as ImportClaim
from partners.imports.actions import claim_import
from partners.imports.models import StatementImport
from partners.imports.reading import read as read_file
from partners.instructions.actions import Errand, claim_errand
from partners.instructions.carrying import carry
from partners.instructions.models import Instruction
from partners.purchases.models import Receipt, Shipment
from partners.records.actions import Claim as ErasureClaim
from partners.records.actions import claim_erasure
from partners.records.erasing import erase
from partners.sync.pulling import pull
from portal.celery import app
from portal.environment import ROOT
from portal.management.commands.relay import deliver_everything_due
from portal.outbox.events import Delivered, Event, Subscription
from portal.outbox.models import OutboxDelivery
from portal.outbox.publishing import publish
from portal.outbox.relay import deliver_due
from portal.subscriptions import SUBSCRIPTIONS
from portal.tenancy.blocks import current_bank_id, serving
from tests.isolation.cast import Home, House
from tests.isolation.witness import Change, Witness
from tests.isolation.world import World, connection_of, hear_everything

pytestmark = pytest.mark.django_db(databases="__all__")

OURS = ("portal", "partners", "accounts", "messaging")
LEASE = timedelta(minutes=1)


def our_tasks() -> dict[str, Any]:
    app.loader.import_default_modules()
    return {name: each for name, each in app.tasks.items() if name.partition(".")[0] in OURS}


def arguments_of(task: Any) -> list[str]:
    return list(inspect.signature(task.run).parameters)


# What each argument of a task is, for one bank.
TASK_ARGUMENTS: dict[str, Callable[[House], Any]] = {
    "bank_id": lambda house: str(house.bank.id),
    "mode": lambda _house: "test",
}
TASKS = sorted(our_tasks())
OF_ONE_BANK = [each for each in TASKS if "bank_id" in arguments_of(our_tasks()[each])]
# It sends in threads of its own; what each of them does is tried below, as work that is held.
IN_THREADS = {"messaging.webhooks.tasks.send_due"}
OF_EVERY_BANK = [each for each in TASKS if each not in {*OF_ONE_BANK, *IN_THREADS}]


def run_for(name: str, house: House) -> None:
    task = our_tasks()[name]
    task.run(**{each: TASK_ARGUMENTS[each](house) for each in arguments_of(task)})


def connection_id_of(home: Home) -> UUID:
    with serving(home.bank_id):
        return connection_of(home).id


def instruction_of(home: Home) -> UUID:
    with serving(home.bank_id):
        return Instruction.objects.filter(customer=home.customer).latest("requested_at").id


def paper_of(home: Home, model: type[Receipt | Shipment]) -> UUID:
    with serving(home.bank_id):
        return model.objects.get(entry=home.entry).id


# What each field of an event is, of one customer.
EVENT_FIELDS: dict[str, Callable[[Home], Any]] = {
    "account_id": lambda home: home.account.id,
    "account_ids": lambda home: (home.account.id, home.kept.id),
    "alert_id": lambda home: home.alert.id,
    "alert_type": lambda home: home.alert.alert_type,
    "connection_id": connection_id_of,
    "consent_id": lambda home: home.consent.id,
    "customer_id": lambda home: home.customer.id,
    "entry_id": lambda home: home.entry.id,
    "instruction_id": instruction_of,
    "receipt_id": lambda home: paper_of(home, Receipt),
    "revision": lambda _home: 1,
    "shipment_id": lambda home: paper_of(home, Shipment),
    "since_seq": lambda _home: 0,
    "status": lambda _home: "done",
    "through_seq": lambda _home: 2,
}
# Of these events it is a consent that holds no more.
ENDED = {
    "ConsentRevoked": "revoked",
    "ConsentSuperseded": "superseded",
    "ConsentLapsed": "expired",
}


def event_about(kind: type[Event], world: World) -> Event:
    """One about the victim, as it could have been published."""
    said = {each.name: EVENT_FIELDS[each.name](world.victim) for each in fields(kind)}
    if kind.name in ENDED:
        said["consent_id"] = world.ended[ENDED[kind.name]].id
    return kind(**said)


def delivered_at(house: House) -> Delivered:
    return Delivered(uuid4(), house.bank.id, timezone.now(), "")


# --- what a change is about -----------------------------------------------------------------------


def of_bank(changes: Iterable[Change], house: House) -> list[str]:
    return [str(each) for each in changes if each.bank_id == str(house.bank.id)]


def require_only(changes: Iterable[Change], house: House, world: World) -> None:
    """All of it is the bank's own, and speaks of nothing that is the first bank's."""
    for each in changes:
        assert each.bank_id == str(house.bank.id), str(each)
        assert not any(secret in each.text for secret in world.secrets_of_bank()), str(each)


def _allow_for_some_days_more() -> None:
    """A consent of long ago that ends in five days: one that is written cannot be made so."""
    like = Consent.objects.filter(recipient="chat").latest("granted_at")
    Consent.objects.create(
        customer_id=like.customer_id,
        recipient="chat",
        purpose_id=like.purpose_id,
        notice_id=like.notice_id,
        granted_at=LONG_AGO,
        expires_at=timezone.now() + timedelta(days=5),
        history_from=like.history_from,
    )


def drop_file() -> None:
    """A file in the served bank's folder, as it was at a look before."""
    folder = settings.DROP_FOLDER / Bank.objects.get(pk=current_bank_id()).slug
    folder.mkdir(parents=True, exist_ok=True)
    dropped = folder / "dropped.csv"
    dropped.write_text(f"Date,Amount\n{uuid4()},1.00\n")
    seen = dropped.stat()
    look = [dropped.name, seen.st_size, seen.st_mtime_ns, 0.0]
    cache.set(f"drop:{current_bank_id()}:{seen.st_ino}", look)


LONG_AGO = timezone.now() - timedelta(days=60)
# What a task that visits every bank finds at the served one, and at no other.
GROWN_OLD: dict[str, Callable[[], object]] = {
    "partners.connections.tasks.forget_unfinished": lambda: Authorisation.objects.update(
        expires_at=LONG_AGO, status=Authorisation.Status.FAILED
    ),
    "partners.asking.tasks.forget_unanswered": lambda: ConsentRequest.objects.update(
        expires_at=LONG_AGO
    ),
    "messaging.delivery.tasks.remind": _allow_for_some_days_more,
    "messaging.webhooks.tasks.age_out": lambda: WebhookDelivery.objects.update(
        created_at=LONG_AGO, due_at=None
    ),
    "messaging.programs.tasks.age_out": lambda: StreamEvent.objects.update(
        at=LONG_AGO, caused_by=F("id"), kind="alert.raised"
    ),
    "partners.imports.tasks.look_into_folders": drop_file,
    "partners.imports.tasks.tidy": lambda: StatementImport.objects.update(
        state="needs_mapping", received_at=LONG_AGO, due_at=None
    ),
    "portal.outbox.tasks.age_out": lambda: OutboxDelivery.objects.update(
        delivered_at=LONG_AGO, due_at=None
    ),
}


# --- tasks ----------------------------------------------------------------------------------------


def test_every_tasks_arguments_are_known() -> None:
    assert {name for each in our_tasks().values() for name in arguments_of(each)} <= set(
        TASK_ARGUMENTS
    )


@pytest.mark.parametrize("name", OF_ONE_BANK)
def test_a_task_of_one_bank_touches_no_other(world: World, witness: Witness, name: str) -> None:
    run_for(name, world.other_house)

    require_only(witness.changes(), world.other_house, world)


@pytest.mark.parametrize("name", OF_ONE_BANK)
def test_a_task_of_the_bank_itself_does_something(
    world: World, witness: Witness, name: str
) -> None:
    run_for(name, world.house)

    changes = witness.changes()
    assert of_bank(changes, world.house)
    assert of_bank(changes, world.other_house) == []


@pytest.mark.parametrize("name", OF_EVERY_BANK)
def test_a_task_of_every_bank_visits_each_alone(world: World, witness: Witness, name: str) -> None:
    assert name in GROWN_OLD, "say which rows it finds at one bank alone"
    with serving(world.house.bank.id):
        GROWN_OLD[name]()
    witness.changes()

    run_for(name, world.house)

    changes = witness.changes()
    assert of_bank(changes, world.house)
    assert of_bank(changes, world.other_house) == []


def test_without_a_bank_a_task_only_wakes_others(world: World, witness: Witness) -> None:
    for name in OF_ONE_BANK:
        task = our_tasks()[name]
        if all(each.default is None for each in inspect.signature(task.run).parameters.values()):
            task.run()

    assert witness.changes() == []


# --- work in hand, held against another bank ------------------------------------------------------


def read_it(bank_id: UUID, ours: ImportClaim) -> None:
    read_file(bank_id=bank_id, claim=ours, clock=timezone.now)


def carry_it(bank_id: UUID, errand: Any) -> None:
    carry(bank_id=bank_id, errand=errand, clock=timezone.now)


def pull_it(bank_id: UUID, claim: Any) -> None:
    pull(bank_id=bank_id, claim=claim, clock=timezone.now)


def claim_mail(*, at: datetime, lease: timedelta) -> NoticeClaim | None:
    return claim_notice(AlertMails.model, way=AlertMails.way, at=at, lease=lease)


def mail_it(bank_id: UUID, notice: Any) -> None:
    with closing(MailLine()) as line:
        send(bank_id, AlertMails(line), notice, timezone.now)


def claim_webhook(*, at: datetime, lease: timedelta) -> WebhookErrand | None:
    found = claim_errands(at=at, lease=lease, busy=(), each=1, limit=1)
    return found[0] if found else None


def tell_it(bank_id: UUID, errand: Any) -> None:
    held = replace(errand, bank_id=bank_id)
    prepare(held, timezone.now())
    note(held, Tried("delivered", timezone.now(), latency_ms=1, response_code=200))


def erase_it(bank_id: UUID, ours: ErasureClaim) -> None:
    erase(bank_id=bank_id, claim=ours, clock=timezone.now)


# What a worker holds while it works: how it is claimed, and what is done with it.
WORK: Mapping[type[Any], tuple[Callable[..., Any], Callable[[UUID, Any], None]]] = {
    Claim: (claim_due, pull_it),
    ImportClaim: (claim_import, read_it),
    Errand: (claim_errand, carry_it),
    ErasureClaim: (claim_erasure, erase_it),
    NoticeClaim: (claim_mail, mail_it),
    WebhookErrand: (claim_webhook, tell_it),
}


def claimed(kind: type[Any], house: House) -> Any:
    claim, _do = WORK[kind]
    with serving(house.bank.id):
        found = claim(at=timezone.now() + timedelta(seconds=1), lease=LEASE)
    assert found is not None
    return found


def ids_in(kind: type[Any]) -> list[str]:
    return [each.name for each in fields(kind) if each.type in {UUID, UUID | None}]


EACH_ID = [(kind, name) for kind in WORK for name in ids_in(kind)]


def test_everything_that_is_held_under_a_fence_is_known() -> None:
    modules = [each for name, each in sys.modules.items() if name.partition(".")[0] in OURS]
    held = {
        each
        for module in modules
        for _name, each in inspect.getmembers(module, inspect.isclass)
        if is_dataclass(each) and "fence" in {one.name for one in fields(each)}
    }

    assert held == set(WORK)
    assert {name for _kind, name in EACH_ID} >= {"cursor_id", "account_id", "connection_id", "id"}


@pytest.mark.parametrize("kind", WORK, ids=lambda each: each.__module__)
def test_one_banks_work_under_anothers_name_does_nothing(
    world: World, witness: Witness, kind: type[Any]
) -> None:
    ours = claimed(kind, world.house)
    witness.changes()

    with suppress(Exception):
        WORK[kind][1](world.other_house.bank.id, ours)

    assert [str(each) for each in witness.changes()] == []


@pytest.mark.parametrize(("kind", "name"), EACH_ID)
def test_work_that_names_another_banks_row_reaches_none_of_it(
    world: World, witness: Witness, kind: type[Any], name: str
) -> None:
    ours, theirs = claimed(kind, world.house), claimed(kind, world.other_house)
    witness.changes()

    with suppress(Exception):
        WORK[kind][1](world.other_house.bank.id, replace(theirs, **{name: getattr(ours, name)}))

    require_only(witness.changes(), world.other_house, world)


# --- handlers and the relay -----------------------------------------------------------------------

EACH_HANDLER = pytest.mark.parametrize(
    "subscription", SUBSCRIPTIONS, ids=lambda each: f"{each.event.name}-{each.listener}"
)


def test_every_handler_is_subscribed_and_every_field_known() -> None:
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for app_name in OURS
        for path in Path(ROOT, app_name).rglob("handlers.py")
    }
    written = {
        f"{module}.{name}"
        for module in modules
        for name, each in inspect.getmembers(import_module(module), inspect.isfunction)
        if name.startswith("on_") and each.__module__ == module
    }

    assert {each.handler for each in SUBSCRIPTIONS} == written
    named = {each.name for subscribed in SUBSCRIPTIONS for each in fields(subscribed.event)}
    assert named <= set(EVENT_FIELDS)


@EACH_HANDLER
def test_a_handler_told_of_another_banks_rows_writes_nothing(
    world: World, witness: Witness, subscription: Subscription
) -> None:
    event = event_about(subscription.event, world)
    with suppress(Exception), serving(world.other_house.bank.id):
        import_string(subscription.handler)(event, delivered_at(world.other_house))

    assert [str(each) for each in witness.changes()] == []


@EACH_HANDLER
def test_a_handler_told_by_the_bank_itself_does_something(
    world: World, witness: Witness, subscription: Subscription
) -> None:
    event = event_about(subscription.event, world)
    with serving(world.house.bank.id):
        import_string(subscription.handler)(event, delivered_at(world.house))

    changes = witness.changes()
    assert of_bank(changes, world.house)
    assert of_bank(changes, world.other_house) == []
    for home in (world.neighbour, world.stranger):
        assert not any(str(home.customer.id) in each.text for each in changes)


@EACH_HANDLER
def test_the_relay_makes_nothing_of_another_banks_rows(
    world: World, witness: Witness, subscription: Subscription
) -> None:
    bank_id = world.other_house.bank.id
    hear_everything(bank_id)
    event = event_about(subscription.event, world)
    with serving(bank_id):
        publish(event, key=f"account:{world.victim.account.id}", occurred_at=timezone.now())
    witness.changes()

    assert deliver_due(bank_id=bank_id, clock=timezone.now) > 0

    changes = witness.changes()
    assert {each.table for each in changes} == {"portal_outboxdelivery"}
    assert of_bank(changes, world.house) == []


def test_sealing_one_bank_touches_no_other(world: World, witness: Witness) -> None:
    ours, theirs = world.house.bank.id, world.other_house.bank.id

    assert seal_due(bank_id=theirs, clock=timezone.now)

    changes = witness.changes()
    assert {each.bank_id for each in changes} == {str(theirs)}
    assert {each.table for each in changes} >= {
        "accounts_checkpoint",
        "accounts_leaf",
        "accounts_unsealed",
    }
    assert seal_due(bank_id=ours, clock=timezone.now)
    assert of_bank(witness.changes(), world.other_house) == []


def put_off_what_failed(house: House) -> None:
    """What a listener could not hear is tried again after a second: not while a slow machine looks at others."""
    with serving(house.bank.id):
        waiting = OutboxDelivery.objects.filter(due_at__isnull=False)
        waiting.update(due_at=timezone.now() + timedelta(hours=1))


def test_the_relay_delivers_one_bank_at_a_time(world: World, witness: Witness) -> None:
    hear_everything(world.other_house.bank.id)
    put_off_what_failed(world.other_house)
    theirs = witness.changes()
    require_only(theirs, world.other_house, world)
    assert theirs

    deliver_everything_due()

    ours = witness.changes()
    assert of_bank(ours, world.house)
    assert of_bank(ours, world.other_house) == []
