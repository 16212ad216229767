"""Two banks with something in every table, and everybody who might knock at their doors.

The victim is a customer of the first bank; the neighbour is another customer there; the stranger is a
customer of the second. Each has values that nobody else has, so that one of them is recognised anywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client as Browser
from django.utils import timezone

from accounts.clients.models import Client
from accounts.consent.actions import revoke_consent
from accounts.consent.models import Consent
from accounts.disclosure.models import Checkpoint
from accounts.disclosure.sealing import seal_due
from accounts.linking.queries import live_links
from messaging.conversations.actions import AlertOnCard, post_bank_text, post_card, post_text
from messaging.conversations.models import Message
from messaging.conversations.rules import REFRESHING
from messaging.notices.addresses import ask_proof, keep_bank_address
from partners.alerts.models import Alert, AlertRule, AlertType
from partners.banks.models import Staff
from partners.connections.brought import Brought, keep_brought
from partners.connections.models import Authorisation, Connection, SpareConsent
from partners.connectors.base import AccountRecord, ReceiptLine, TokenSet
from partners.events import AlertRaised, account_key
from partners.feeds.models import FeedCursor
from partners.imports.models import StatementImport
from partners.imports.receiving import Errand, incoming, take_in
from partners.instructions.actions import request_freeze
from partners.integrations.actions import Proof, configure_integration
from partners.integrations.changing import store_next_key
from partners.integrations.models import ClientKey, Integration
from partners.ledger.models import Account, Entry
from partners.records.models import ErasureJob, LegalHold
from portal.outbox.publishing import publish
from portal.outbox.relay import deliver_due
from portal.secrets.fields import keep_secret
from portal.secrets.models import SigningKey
from portal.secrets.tokens import digest_of
from portal.tenancy.blocks import serving, serving_consent, serving_customer
from portal.tenancy.models import QueueModel, TenantModel
from tests.factories.accounts import make_balance, make_consent, make_entry, make_link, share
from tests.factories.any_row import make_row, tenant_models
from tests.factories.messaging import CHAT_HOST, InChat, Signer, open_session_of
from tests.factories.partners import make_account, make_bank, make_customer, unreadable
from tests.factories.purchases import tell_receipt, tell_shipment
from tests.isolation.callers import (
    console_cookie,
    make_hooks,
    make_program,
    make_staff,
    other_cookies,
    spent_by,
    window_cookie,
)
from tests.isolation.cast import EXTERNAL_ACCOUNT, Home, House, Program
from tests.isolation.telltales import texts_of, worth_hiding

EVENTS_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_EVENTS_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OUR_KEY = (
    ed25519.Ed25519PrivateKey.generate()
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)
# Nobody listens there: a bank that cannot be reached.
NOWHERE = "http://127.0.0.1:9"
HOOK = "https://hooks.nightingale-program.example/in"
# The digits that each home was mailed.
MAILED_CODE = "123456"


@dataclass(repr=False)
class World:
    house: House
    other_house: House
    victim: Home
    neighbour: Home
    stranger: Home
    program: Program
    other_program: Program
    # The victim's consents to `other_program` that hold no more, by why; and one that does.
    ended: Mapping[str, Consent]
    for_other_program: Consent
    chat_consent_id: UUID
    # Cookies of the console's: of people who are not staff of the first bank, or not quite.
    cookies: Mapping[str, str]
    # What the addresses of the program's webhooks are filled with.
    hooks: Mapping[str, str]
    # The same of the other program's.
    other_hooks: Mapping[str, str]
    _secrets: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)

    @property
    def bank_ids(self) -> tuple[UUID, UUID]:
        return self.house.bank.id, self.other_house.bank.id

    def homes(self) -> tuple[Home, Home, Home]:
        return self.victim, self.neighbour, self.stranger

    def published(self) -> frozenset[str]:
        """What the first bank says of its log to everybody, and what our keys there are called."""
        with serving(self.house.bank.id):
            return frozenset(
                {
                    *Checkpoint.objects.values_list("origin", flat=True),
                    *SigningKey.objects.values_list("public_key", flat=True),
                    *Integration.objects.values_list("key_id", flat=True),
                    *ClientKey.objects.values_list("key_id", flat=True),
                }
            )

    def secrets_of_bank(self) -> frozenset[str]:
        """Values of the first bank that the second does not have: its staff's names too."""
        return self._kept("bank", "other", self._bank_secrets)

    def secrets_of_victim(self, against: Home) -> frozenset[str]:
        """Values of the victim's that the other home does not have."""
        return self._kept(
            "victim",
            against.mark,
            lambda: worth_hiding(texts_of(self.victim.serving()), texts_of(against.serving())),
        )

    def secrets_of_hooks(self) -> frozenset[str]:
        """What the other program may not see of the program's own."""
        return frozenset({*self.hooks.values(), HOOK})

    def secrets_left_out(self) -> frozenset[str]:
        """Values of the victim's account that the program's consent does not name."""
        return self._kept(
            "victim",
            "program",
            lambda: worth_hiding(
                texts_of(self.victim.serving()),
                texts_of(serving_consent(self.victim.bank_id, self.victim.consent.id)),
            ),
        )

    def _bank_secrets(self) -> frozenset[str]:
        ours, theirs = (texts_of(serving(each)) for each in self.bank_ids)
        people = {each.person.email for each in self.house.staff.values()}
        return worth_hiding(ours, theirs) | people | {self.house.bank.name}

    def _kept(self, whose: str, against: str, find: Any) -> frozenset[str]:
        key = (whose, against)
        if key not in self._secrets:
            self._secrets[key] = find()
        return self._secrets[key]


def make_world() -> World:
    """All of it, committed: a module shares it, and undoes what it does to it."""
    house = _make_house("Nightingale Bank", EVENTS_KEY)
    other_house = _make_house("Sandpiper Bank", OTHER_EVENTS_KEY)
    program, other_program = make_program(), make_program()
    victim = _make_home(house, "Nightingale", program.client, 7_654_321)
    neighbour = _make_home(house, "Kingfisher", other_program.client, 1_111_111)
    stranger = _make_home(other_house, "Sandpiper", other_program.client, 2_222_222)
    ended, live = _other_consents(victim, other_program.client)
    hooks = make_hooks(victim, program, HOOK)
    other_hooks = make_hooks(stranger, other_program, "https://hooks.another-program.example/in")
    return World(
        house=house,
        other_house=other_house,
        victim=victim,
        neighbour=neighbour,
        stranger=stranger,
        program=program,
        other_program=other_program,
        ended=ended,
        for_other_program=live,
        chat_consent_id=_chat_consent_id(victim),
        cookies=other_cookies(house),
        hooks=hooks,
        other_hooks=other_hooks,
    )


def hear_everything(bank_id: UUID) -> None:
    """Hand the bank's listeners all that is due, however much of it this world holds."""
    while deliver_due(bank_id=bank_id, clock=timezone.now):
        pass


# --- banks ----------------------------------------------------------------------------------------


def _make_house(name: str, events_key: rsa.RSAPrivateKey) -> House:
    signer = Signer()
    public = jwt.algorithms.RSAAlgorithm.to_jwk(events_key.public_key(), as_dict=True)
    events = dict(public) | {"kid": "events-1", "use": "sig", "alg": "PS256"}
    keys = {"keys": [*signer.jwks["keys"], events]}
    bank = make_bank(name=name, jwks=keys, jwks_fetched_at=timezone.now())
    share(bank, alert_types=AlertType.values)
    with serving(bank.id):
        AlertRule.objects.update(parameters={"threshold_minor": 50_000, "currency": "EUR"})
        configure_integration(
            mode="test",
            base_url=NOWHERE,
            authorize_url=f"{NOWHERE}/authorize",
            token_url=f"{NOWHERE}/token",
            client_id=f"portal-at-{bank.slug}",
            client_secret=f"secret-of-{bank.slug}",
            proof=Proof("client_secret_basic", f"key-of-{bank.slug}", OUR_KEY),
        )
        store_next_key(mode="test", by=f"staff:{uuid4()}", at=timezone.now())
    roles = {role.value: make_staff(bank, role) for role in Staff.Role}
    cookies = {role: console_cookie(each.person) for role, each in roles.items()}
    return House(bank, roles, cookies, signer, events_key)


# --- their customers ------------------------------------------------------------------------------


def _make_home(house: House, mark: str, client: Client, amount_minor: int) -> Home:
    bank, at = house.bank, timezone.now()
    low = mark.lower()
    customer = make_customer(
        bank, external_id=f"{low}-customer", display_name=f"{mark} Person", locale="en"
    )
    account, kept = (
        make_account(
            bank,
            external_id=external_id,
            name=f"{mark} {kind}",
            masked_identification=f"••{mark[:4]}{kind[:2]}",
        )
        for kind, external_id in (("Current", _external_id(house)), ("Savings", f"{low}-savings"))
    )
    for each in (account, kept):
        make_link(customer, each)
        make_balance(each, amount_minor)
        make_balance(each, amount_minor - 1, kind="available")
    entry = _make_payment(account, mark, -amount_minor)
    hidden = _make_payment(kept, f"{mark} Hidden", -amount_minor - 7)
    for each, name in ((entry, mark), (hidden, f"{mark} Hidden")):
        _tell_papers(each, name)
    chat = open_session_of(bank, customer)
    make_consent(customer, [account, kept], alert_types=AlertType.values)
    alert = _raise(entry, at)
    home = Home(
        mark=mark,
        bank=bank,
        customer=customer,
        account=account,
        kept=kept,
        entry=entry,
        alert=alert,
        chat=chat,
        card=_talk(chat, alert, mark, at),
        consent=make_consent(customer, [account], client=client, alert_types=AlertType.values),
        walk_state=f"state-of-{low}",
        window=window_cookie(bank, customer, client),
        spent=spent_by(bank, customer),
    )
    _leave_work(home, at)
    _be_reached(home, at)
    _be_asked(home)
    _read(home)
    _fill_every_table(home)
    return home


def _external_id(house: House) -> str:
    """Both banks name an account of theirs alike: one bank's ids say nothing at another."""
    with serving(house.bank.id):
        taken = Account.objects.filter(external_id=EXTERNAL_ACCOUNT).exists()
    return uuid4().hex if taken else EXTERNAL_ACCOUNT


def _make_payment(account: Account, mark: str, amount_minor: int) -> Entry:
    return make_entry(
        account,
        amount_minor=amount_minor,
        description=f"{mark.upper()} PURCHASE",
        merchant_name=f"{mark} Bakery",
        card_id=f"card-of-{mark.lower()}",
        external_id=f"entry-of-{mark.lower()}",
    )


def _tell_papers(entry: Entry, mark: str) -> None:
    """The bank tells of the payment's receipt and parcel."""
    low = mark.lower().replace(" ", "-")
    price = -entry.amount_minor
    bought = ReceiptLine(f"{mark} Cake", 1000, "", price, 0, price)
    tell_receipt(
        entry,
        external_id=f"receipt-of-{low}",
        merchant_name=f"{mark} Bakery",
        lines=(bought,),
        total_minor=price,
    )
    tell_shipment(entry, external_id=f"parcel-of-{low}", tracking_code=f"{mark.upper()}-00")


def _raise(entry: Entry, at: datetime) -> Alert:
    with serving(entry.bank_id):
        alert = Alert.objects.create(
            account=entry.account,
            entry=entry,
            alert_type=AlertType.FRAUD_SUSPECTED,
            once_key=f"fraud_suspected:{entry.id}",
            rule_version=1,
            raised_at=at,
        )
        raised = AlertRaised(alert.id, entry.account_id, entry.id, alert.alert_type)
        publish(raised, key=account_key(entry.account_id), occurred_at=at)
    return alert


def _talk(chat: InChat, alert: Alert, mark: str, at: datetime) -> Message:
    """A question, an answer, balances that are waited for, and the alert's card, which is returned."""
    conversation_id = chat.conversation.id
    with serving_customer(chat.bank.id, chat.customer.id):
        post_text(
            conversation_id=conversation_id,
            client_msg_id=uuid4(),
            text=f"A question from {mark}",
            at=at,
        )
        post_text(conversation_id=conversation_id, client_msg_id=uuid4(), text="balance", at=at)
        Message.objects.filter(kind=Message.Kind.BALANCE).update(state=REFRESHING, state_at=at)
        card = post_card(
            customer_id=chat.customer.id,
            alert=AlertOnCard(alert.id, alert.alert_type),
            caused_by=uuid4(),
            at=at,
        )
    with serving(chat.bank.id):
        post_bank_text(
            conversation_id=conversation_id,
            text=f"An answer to {mark}",
            staff_id=uuid4(),
            at=at,
        )
    assert card is not None
    return card


def _be_asked(home: Home) -> None:
    """A program's request is before the customer, in their window."""
    page = Browser(headers={"Host": CHAT_HOST, "Cookie": home.window}).get("/asking/")
    assert page.status_code == 200


def connection_of(home: Home) -> Connection:
    """The newest of the customer's."""
    return Connection.objects.filter(customer=home.customer).latest("created_at")


def _leave_work(home: Home, at: datetime) -> None:
    """Feeds to read, a freeze to ask for, and a walk to the bank that is not over."""
    with serving(home.bank_id):
        for each in Connection.objects.filter(customer=home.customer):
            keep_secret(each, "access_token", f"access token of {home.mark}")
            keep_secret(each, "refresh_token", f"refresh token of {home.mark}")
            # A sweep visits every bank, and finds nothing here.
            each.look_at = at + timedelta(days=1)
            each.save()
        LegalHold.objects.create(
            customer=home.customer,
            reason=f"A dispute about {home.mark}, which is settled",
            placed_by="staff:somebody",
            placed_at=at,
            lifted_at=at,
        )
        leaving = make_customer(
            home.bank,
            external_id=f"leaver-{home.mark.lower()}",
            display_name=f"{home.mark} Leaver",
        )
        ErasureJob.objects.create(
            customer_id=leaving.id, by=f"staff:{home.mark}", requested_at=at, due_at=at
        )
        _leave_files(home, at)
        connection = connection_of(home)
        # By the way that the account is linked: its history can be paused.
        link = live_links().get(customer=home.customer, account=home.account)
        FeedCursor.objects.create(
            connection=link.connection, account=home.account, kind="transactions", due_at=at
        )
        # What staff can have tried again.
        FeedCursor.objects.create(
            connection=connection,
            account=home.account,
            kind="shipments",
            due_at=at + timedelta(days=1),
            last_problem="unavailable",
            attempts=9,
            **unreadable("Total", at=at),
        )
        Authorisation.objects.create(
            customer=home.customer,
            integration=connection.integration,
            state_digest=digest_of(home.walk_state),
            nonce=uuid4().hex,
            external_consent_id=f"{home.mark.lower()}-walk",
            expires_at=at + timedelta(minutes=10),
        )
        SpareConsent.objects.create(
            integration=connection.integration,
            external_consent_id=f"{home.mark.lower()}-spare",
            since=at,
            due_at=at + timedelta(days=1),
        )
    other = _raise(_make_payment(home.account, f"{home.mark} Other", -4_321), at)
    with home.serving():
        # Now, and not when the world began: the consent is younger than that.
        request_freeze(alert_id=other.id, customer_id=home.customer.id, at=timezone.now())


def bring_accounts(home: Home) -> UUID:
    """The customer is back from the bank in their window, and has to choose; the walk's id."""
    at = timezone.now()
    tokens = TokenSet("access brought", "refresh brought", at + timedelta(hours=1))
    brought = AccountRecord(f"brought-{home.mark}", "current", "Brought", "EUR", "**** 0001")
    with serving(home.bank_id):
        walk = Authorisation(
            customer=home.customer,
            integration=connection_of(home).integration,
            status=Authorisation.Status.CHOOSING,
            state_digest=digest_of(uuid4().hex),
            nonce=uuid4().hex,
            external_consent_id=f"{home.mark.lower()}-brought",
            expires_at=at + timedelta(minutes=10),
        )
        keep_brought(walk, Brought(tokens, (brought,)))
        walk.save()
    session = SessionStore(session_key=home.window.partition("=")[2])
    session["walk_to_bank"] = str(walk.id)
    session.save()
    return walk.id


def _be_reached(home: Home, at: datetime) -> None:
    """An address that the bank gave, and one that waits for its digits."""
    with home.serving():
        said = f"{home.mark.lower()}@post.example"
        keep_bank_address(customer_id=home.customer.id, said=said, at=at)
        proof = ask_proof(customer_id=home.customer.id, text=f"own-{said}", at=timezone.now())
        keep_secret(proof, "code", MAILED_CODE)
        proof.save()


def _read(home: Home) -> None:
    """Something of the account's is shown in the chat, and that is written down."""
    path = f"/api/v1/accounts/{home.account.id}/transactions"
    assert Browser().get(path, headers=home.chat.headers).status_code == 200
    # Sealed, and read once more: something is in the tree, and something waits for it.
    assert seal_due(bank_id=home.bank_id, clock=timezone.now)
    assert Browser().get(path, headers=home.chat.headers).status_code == 200


def _leave_files(home: Home, at: datetime) -> None:
    """A table that waits for its columns, and a file that is due and was lost."""
    errand = Errand(home.bank_id, "console", f"staff:{home.mark}")
    with incoming(home.bank_id) as coming:
        coming.write(f"Date,Text,Amount\n2026-03-02,{home.mark} Butcher,-1.00\n".encode())
        row, _is_new = take_in(errand, coming, file_name=f"{home.mark}.csv", at=at)
    StatementImport.objects.filter(pk=row.pk).update(state="needs_mapping", due_at=None)
    StatementImport.objects.create(
        door="folder",
        by="folder",
        file_name=f"{home.mark}.ofx",
        sha256=digest_of(home.mark),
        size=1,
        format="ofx",
        received_at=at,
        due_at=at,
    )


def _fill_every_table(home: Home) -> None:
    """A row of the customer's in whatever table has none yet: one that was added lately is in here too."""
    with serving(home.bank_id):
        known = (
            home.customer,
            home.account,
            home.entry,
            home.alert,
            home.card,
            home.chat.conversation,
            home.consent,
            connection_of(home),
            connection_of(home).integration,
            home.consent.purpose,
            home.consent.notice,
        )
        made: dict[str, Any] = {each._meta.label: each for each in known}
        for model in tenant_models():
            if not model._base_manager.filter(**_whose(model, home)).exists():
                due = {"due_at": timezone.now()} if issubclass(model, QueueModel) else {}
                make_row(model, made=made, **_whose(model, home), **due)


def _whose(model: type[TenantModel], home: Home) -> dict[str, Any]:
    fields = {each.name for each in model._meta.local_concrete_fields}
    values = {
        "customer": home.customer,
        "account": home.account,
        "pseudonym": home.customer.pseudonym,
    }
    return {name: value for name, value in values.items() if name in fields}


def _other_consents(victim: Home, client: Client) -> tuple[dict[str, Consent], Consent]:
    """The victim's consents to another program: one that was replaced, revoked, expired; and a live one."""
    at = timezone.now()
    terms: dict[str, Any] = {"client": client}
    long_ago = at - timedelta(days=40)
    expired = make_consent(
        victim.customer,
        [victim.account],
        at=long_ago,
        expires_at=long_ago + timedelta(days=30),
        **terms,
    )
    revoked = make_consent(victim.customer, [victim.account], **terms)
    with serving(victim.bank_id):
        revoke_consent(consent_id=revoked.id, at=at, by="customer")
    superseded = make_consent(victim.customer, [victim.account], **terms)
    live = make_consent(victim.customer, [victim.account], **terms)
    return {"expired": expired, "revoked": revoked, "superseded": superseded}, live


def _chat_consent_id(home: Home) -> UUID:
    with home.serving():
        return Consent.objects.get(recipient="chat", ended_at=None).id
