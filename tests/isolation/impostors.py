"""Everybody who knocks at a door that is not theirs, with what of the victim's, and what they are told."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from uuid import uuid4

from accounts.consent.references import consent_reference
from tests.isolation.cast import Headers, Home, Program
from tests.isolation.routes import ROWS, Kind, Route
from tests.isolation.world import World

SIGN_IN, SECOND_FACTOR = "/sign-in/login/?next=", "/sign-in/second-factor/totp/activate/"


@dataclass(frozen=True)
class Attempt:
    """Who comes, with which arguments, and the only answers that are right.

    `status` empty: the door is theirs as well, and shows and changes what is the caller's own.
    """

    who: str
    headers: Headers
    arguments: Mapping[str, str]
    status: frozenset[int] = frozenset()
    location: str = ""
    # Under which name their refusals are written down, and for which pseudonym; empty: not at all.
    recipient: str = ""
    pseudonym: str = ""
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    # What it may write besides belongs to no bank.
    of_no_bank: bool = False


def rightful(world: World, route: Route) -> Headers:
    """What opens the route to the victim, or to the victim's bank."""
    victim = world.victim
    return {
        Kind.STAFF: {"Cookie": world.house.owner},
        Kind.OPERATOR: {"Cookie": world.cookies["operator"]},
        Kind.CUSTOMER: bearer(victim.chat.token),
        Kind.CLIENT: program_headers(world.program, victim.reference),
        Kind.PROGRAM: bearer(world.program.token),
        Kind.WINDOW: {"Cookie": victim.window},
    }[route.kind or Kind.OPEN]


def arguments_of(world: World, home: Home) -> dict[str, str]:
    house = world.house if home.bank_id == world.house.bank.id else world.other_house
    return house.arguments | home.arguments | dict(world.hooks)


def bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}"}


def program_headers(program: Program, reference: str, token: str = "") -> Headers:
    return bearer(token or program.token) | {"Portal-Consent": reference}


def attempts(world: World, route: Route) -> Iterator[Attempt]:
    """Who tries a route that somebody owns."""
    kinds = {
        Kind.STAFF: _at_the_console,
        Kind.OPERATOR: _at_the_operators,
        Kind.CUSTOMER: _in_the_frame,
        Kind.CLIENT: _as_programs,
        Kind.PROGRAM: _as_other_programs,
        Kind.WINDOW: _in_windows,
    }
    yield from kinds[route.kind or Kind.OPEN](world, route)


# --- pages of the console -------------------------------------------------------------------------


def _at_the_console(world: World, route: Route) -> Iterator[Attempt]:
    theirs = arguments_of(world, world.victim)
    secrets = world.secrets_of_bank()
    for role, cookie in world.other_house.cookies.items():
        yield _page(f"their {role}", cookie, theirs, secrets, 404)
    for who in ("left", "outsider", "operator"):
        yield _page(who, world.cookies[who], theirs, secrets, 404)
    yield from _not_signed_in(world, theirs)
    if route.names_rows:
        mixed = theirs | {"slug": world.other_house.bank.slug}
        yield _page("their owner at home", world.other_house.owner, mixed, secrets, 404)


def _at_the_operators(world: World, _route: Route) -> Iterator[Attempt]:
    theirs = arguments_of(world, world.victim)
    for who, house in (("our owner", world.house), ("their owner", world.other_house)):
        yield _page(who, house.owner, theirs, frozenset(), 404)
    yield from _not_signed_in(world, theirs)


def _not_signed_in(world: World, arguments: Mapping[str, str]) -> Iterator[Attempt]:
    secrets = world.secrets_of_bank()
    session = world.house.owner.partition("=")[2]
    window = world.victim.window.partition("=")[2]
    for who, headers in {
        "nobody": {},
        "a customer": bearer(world.victim.chat.token),
        "a program": program_headers(world.program, world.victim.reference),
        "an expired session": {"Cookie": world.cookies["expired"]},
        "a customer's window": {"Cookie": f"console_session={window}"},
        "a session of the console's under another host's name": {
            "Cookie": f"chat_session={session}; portal_session={session}; sessionid={session}"
        },
    }.items():
        yield Attempt(who, headers, arguments, frozenset({302}), location=SIGN_IN, secrets=secrets)
    half = {"Cookie": world.cookies["without_factor"]}
    yield Attempt(
        "our owner without a second factor",
        half,
        arguments,
        frozenset({302}),
        location=SECOND_FACTOR,
        secrets=secrets,
    )


def _page(
    who: str, cookie: str, arguments: Mapping[str, str], secrets: frozenset[str], status: int
) -> Attempt:
    return Attempt(who, {"Cookie": cookie}, arguments, frozenset({status}), secrets=secrets)


# --- customers ------------------------------------------------------------------------------------


def _in_the_frame(world: World, route: Route) -> Iterator[Attempt]:
    victim = world.victim
    theirs = arguments_of(world, victim)
    secrets = world.secrets_of_victim(world.stranger) | world.secrets_of_bank()
    moved = victim.chat.token.replace(world.house.bank.id.hex, world.other_house.bank.id.hex)
    for who, headers in {
        "nobody": {},
        "a made-up token": bearer(f"ws_{world.house.bank.id.hex}_{'x' * 43}"),
        "no token of ours": bearer("x" * 43),
        "an expired session": bearer(victim.spent["expired"]),
        "an ended session": bearer(victim.spent["ended"]),
        "a token with another bank's name": bearer(moved),
        "a program": program_headers(world.program, victim.reference),
        "our owner": {"Cookie": world.house.owner},
        "their own window": {"Cookie": victim.window},
    }.items():
        yield Attempt(who, headers, theirs, frozenset({401}), secrets=secrets)
    for who, home in _other_customers(world):
        yield _customer(world, route, who, home, bearer(home.chat.token))


def _other_customers(world: World) -> tuple[tuple[str, Home], ...]:
    return ("another customer", world.neighbour), ("another bank's customer", world.stranger)


def _customer(world: World, route: Route, who: str, home: Home, headers: Headers) -> Attempt:
    """A live customer with the victim's ids: not found; without any, it is about their own."""
    named = ROWS & set(route.arguments)
    secrets = world.secrets_of_victim(home)
    return Attempt(
        who,
        headers,
        arguments_of(world, home) | {each: world.victim.arguments[each] for each in named},
        frozenset({404}) if route.names_rows else frozenset(),
        recipient="chat",
        pseudonym=str(home.customer.pseudonym),
        secrets=secrets | world.secrets_of_bank() if home is world.stranger else secrets,
    )


def _in_windows(world: World, route: Route) -> Iterator[Attempt]:
    victim = world.victim
    theirs = arguments_of(world, victim)
    secrets = world.secrets_of_bank()
    staff = world.house.owner.partition("=")[2]
    for who, headers in {
        "nobody": {},
        "an expired window": {"Cookie": victim.spent["window"]},
        "a window under the console's name": {
            "Cookie": victim.window.replace("chat_session", "console_session")
        },
        "our owner": {"Cookie": f"chat_session={staff}; console_session={staff}"},
        "the customer's own token": bearer(victim.chat.token),
        "a program": program_headers(world.program, victim.reference),
    }.items():
        yield Attempt(who, headers, theirs, frozenset({403}), secrets=secrets)
    for who, home in _other_customers(world):
        yield _customer(world, route, who, home, {"Cookie": home.window})


# --- client programs ------------------------------------------------------------------------------


def _by_token(world: World, _route: Route) -> Iterator[Attempt]:
    theirs = arguments_of(world, world.victim)
    secrets = world.secrets_of_victim(world.stranger) | world.secrets_of_bank()
    reference = world.victim.reference
    for who, headers in {
        "nobody": {},
        "an expired token": bearer(world.program.expired),
        "no token of ours": bearer("x" * 43),
        "the customer": bearer(world.victim.chat.token),
        "our owner": {"Cookie": world.house.owner},
    }.items():
        named = headers | {"Portal-Consent": reference}
        yield Attempt(who, named, theirs, frozenset({401}), secrets=secrets)


def _as_programs(world: World, route: Route) -> Iterator[Attempt]:
    yield from _by_token(world, route)
    theirs = arguments_of(world, world.victim)
    secrets = world.secrets_of_victim(world.stranger) | world.secrets_of_bank()
    yield Attempt(
        "a program that names no consent",
        bearer(world.program.token),
        theirs,
        frozenset({400}),
        secrets=secrets,
    )
    yield from _other_consents(world, secrets)
    yield from _ended_consents(world, route, secrets)
    yield from _their_own_consents(world, route)


def _other_consents(world: World, secrets: frozenset[str]) -> Iterator[Attempt]:
    """A token is worth no more than a consent of its own client's, named whole."""
    victim, other = world.victim, world.other_program
    bank_id, their_bank_id = world.bank_ids
    chats = consent_reference(bank_id, world.chat_consent_id)
    for who, program, reference in (
        ("another program", other, victim.reference),
        (
            "another program, at its own bank",
            other,
            consent_reference(their_bank_id, victim.consent.id),
        ),
        (
            "a program with another's consent",
            world.program,
            consent_reference(bank_id, world.for_other_program.id),
        ),
        ("a program with the chat's consent", world.program, chats),
        (
            "a program with a consent of nobody's",
            world.program,
            consent_reference(bank_id, uuid4()),
        ),
        ("a program at no bank", world.program, consent_reference(uuid4(), victim.consent.id)),
        ("a program with something else", world.program, "con_x"),
    ):
        yield Attempt(
            who,
            program_headers(program, reference),
            arguments_of(world, victim),
            frozenset({404}),
            recipient=f"client:{program.client.pk}",
            secrets=secrets,
        )


def _ended_consents(world: World, route: Route, secrets: frozenset[str]) -> Iterator[Attempt]:
    """Its own consent, once that is over; what it allowed, and that it did, the program may still read."""
    other = world.other_program
    for why, consent in world.ended.items():
        reference = consent_reference(world.house.bank.id, consent.id)
        itself = route.address.endswith("/consent")
        yield Attempt(
            f"a program with a consent that is {why}",
            program_headers(other, reference),
            arguments_of(world, world.victim),
            frozenset({200 if itself else 403}),
            recipient=f"client:{other.client.pk}",
            pseudonym=str(world.victim.customer.pseudonym),
            secrets=frozenset() if itself else secrets,
        )


def _their_own_consents(world: World, route: Route) -> Iterator[Attempt]:
    """A live consent of another customer's; and the victim's own, asked for what it leaves out."""
    for home, who in ((world.neighbour, "here"), (world.stranger, "at another bank")):
        secrets = world.secrets_of_victim(home)
        yield Attempt(
            f"another program, by a consent {who}",
            program_headers(world.other_program, home.reference),
            arguments_of(world, world.victim),
            frozenset({404}) if route.names_rows else frozenset(),
            recipient=f"client:{world.other_program.client.pk}",
            pseudonym=str(home.customer.pseudonym),
            secrets=secrets | world.secrets_of_bank() if home is world.stranger else secrets,
        )
    narrowed = arguments_of(world, world.victim) | {"account_id": str(world.victim.kept.id)}
    yield Attempt(
        "the program, of an account that the consent leaves out",
        program_headers(world.program, world.victim.reference),
        narrowed,
        frozenset({404}) if route.names_rows else frozenset(),
        recipient=f"client:{world.program.client.pk}",
        pseudonym=str(world.victim.customer.pseudonym),
        secrets=world.secrets_left_out(),
    )
    if "transactions" in route.address:
        yield Attempt(
            "the program with a token for balances alone",
            program_headers(world.program, world.victim.reference, world.program.narrow),
            arguments_of(world, world.victim),
            frozenset({403}),
            recipient=f"client:{world.program.client.pk}",
            pseudonym=str(world.victim.customer.pseudonym),
            secrets=world.secrets_of_victim(world.stranger),
        )


def _as_other_programs(world: World, route: Route) -> Iterator[Attempt]:
    """What is a program's own: of another's endpoint there is nothing, whatever of it is named."""
    yield from _by_token(world, route)
    secrets = world.secrets_of_hooks() | world.secrets_of_victim(world.stranger)
    yield Attempt(
        "another program",
        bearer(world.other_program.token),
        arguments_of(world, world.victim),
        frozenset({404}) if route.names_rows else frozenset(),
        secrets=secrets | world.secrets_of_bank(),
        of_no_bank=True,
    )
    if set(route.arguments) > {"endpoint_id"}:
        own = {"endpoint_id": world.other_hooks["endpoint_id"]}
        yield Attempt(
            "another program, by way of an endpoint of its own",
            bearer(world.other_program.token),
            arguments_of(world, world.victim) | own,
            frozenset({404}),
            secrets=secrets | world.secrets_of_bank(),
            of_no_bank=True,
        )
