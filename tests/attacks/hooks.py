"""What schemathesis is told of the portal under attack: real ids, so that it gets past the first 404.

Loaded by schemathesis itself (`SCHEMATHESIS_HOOKS`). Whatever it sends is counted by operation and
status, so that a run that reaches nothing is seen.
"""

import atexit
import json
import os
import re
from collections import Counter, deque
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import TestPhase

PLAN: dict[str, Any] = json.loads(Path(os.environ["PORTAL_ATTACK_PLAN"]).read_text())
RANDOM = Random(PLAN["seed"])  # noqa: S311  # a test's dice
REAL = 0.85
_NAME = re.compile(r"\{(\w+)\}")
_LOG = re.compile(r'origin="[^"]+/disclosures/([0-9a-f-]{36})"')
_KEPT = 40
# By the names of an address's arguments: what they were where somebody was at home.
Arguments = dict[str, Any]
KNOWN: dict[frozenset[str], deque[Arguments]] = {}
ENTRIES: deque[str] = deque(maxlen=_KEPT)
TALLY: Counter[tuple[str, int]] = Counter()
FOREIGN = frozenset(PLAN["foreign"])
# What is counted beside statuses: a foreign thing that was opened.
TRESPASS = 0


def learn(**arguments: Any) -> None:
    """Somebody is at home there; `rev` is of the body, not of the address."""
    names = frozenset(arguments) - {"rev"}
    known = KNOWN.setdefault(names, deque(maxlen=_KEPT))
    if arguments not in known:
        known.append(arguments)


for each in PLAN["known"]:
    learn(**each)


# --- what is sent ---------------------------------------------------------------------------------


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    lead = lead_of(case)
    if case.operation.method == "delete" and case.path_parameters in PLAN["known"]:
        # What the others are led to stays; schemathesis finds it in answers by itself.
        case.path_parameters = {name: str(uuid4()) for name in case.path_parameters}
    elif lead is not None:
        case.path_parameters = {name: lead[name] for name in case.path_parameters}
    if is_good(case, ParameterLocation.HEADER):
        _give_headers(case)
    if is_good(case, ParameterLocation.QUERY):
        _give_query(case)
    if isinstance(case.body, dict):
        _give_body(case, lead or {})


def is_good(case: Any, where: ParameterLocation) -> bool:
    """Whether that part of the request is to be a good one."""
    return case.meta is None or not case.meta.is_negative_at(where)


def is_led(case: Any) -> bool:
    """Whether it is a step after others, by links from their answers."""
    return case.meta is not None and case.meta.phase.name == TestPhase.STATEFUL


def lead_of(case: Any) -> Arguments | None:
    """Where somebody is at home, mostly; None where the address stays as it is."""
    names = frozenset(_NAME.findall(case.operation.path))
    known = list(KNOWN.get(names, ()))
    if case.operation.method == "delete":
        known = [each for each in known if each not in PLAN["known"]]
    if not names or not known or not is_good(case, ParameterLocation.PATH):
        return None
    if is_led(case) and "endpoint_id" in names:
        return None  # what schemathesis makes and deletes by itself
    given = {name: (case.path_parameters or {}).get(name) for name in names}
    was_led = any({name: each[name] for name in names} == given for each in known)
    return None if was_led or RANDOM.random() > REAL else RANDOM.choice(known)


def _give_headers(case: Any) -> None:
    headers = case.headers
    if headers is None:
        return
    if "Idempotency-Key" in headers and RANDOM.random() < REAL:
        headers["Idempotency-Key"] = uuid4().hex
    if "Portal-Consent" in headers or PLAN["consent"]:
        headers["Portal-Consent"] = PLAN["consent"]
    headers.update(PLAN["headers"])


def _give_query(case: Any) -> None:
    query = case.query
    if query and "transaction_id" in query and ENTRIES and RANDOM.random() < REAL:
        query["transaction_id"] = RANDOM.choice(list(ENTRIES))
    if query and "second" in query and RANDOM.random() < REAL:
        query["first"] = query["second"] = 1
    for name in ("size", "before"):
        if query and name in query and RANDOM.random() < REAL:
            query[name] = 1
    if query and "cursor" in query and RANDOM.random() < REAL:
        del query["cursor"]


def _give_body(case: Any, lead: Arguments) -> None:
    body = case.body
    is_meant_well = is_good(case, ParameterLocation.BODY) and RANDOM.random() < REAL
    if "url" in body and (is_meant_well or is_url(body["url"])):
        # Nothing is ever sent beyond this machine, whatever was made up.
        body["url"] = RANDOM.choice(PLAN["receivers"])
    if not is_meant_well:
        return
    if "rev" in lead:
        body["rev"] = lead["rev"]
    if "assertion" in body:
        body |= {"bank": PLAN["bank"]["slug"], "assertion": _assertion()}
    if "since" in body:
        body |= {"since": PLAN["since"]}
        body.pop("until", None)


def is_url(value: Any) -> bool:
    try:
        return bool(urlsplit(value).netloc)
    except (AttributeError, TypeError, ValueError):
        return False


def _assertion() -> str:
    """What the bank signs for its customer, good once."""
    at_bank = PLAN["bank"]
    address = f"http://127.0.0.1:{at_bank['port']}/widget-token"
    signed = httpx.post(
        address, headers={"Host": at_bank["host"]}, cookies=at_bank["cookies"], trust_env=False
    )
    return str(signed.json()["token"])


# --- what is answered -----------------------------------------------------------------------------


@schemathesis.hook
def after_call(_context: Any, case: Any, response: Any) -> None:
    if response.request.method != case.operation.method.upper():
        return  # a method that the address does not take
    TALLY[case.operation.label, response.status_code] += 1
    if response.status_code < 400 and FOREIGN & {
        str(each) for each in (case.path_parameters or {}).values()
    }:
        TALLY[case.operation.label, TRESPASS] += 1
    # Whose log it is stands in every answer that was written down in it; refusals too.
    for checkpoint in response.headers.get("portal-checkpoint", ()):
        for bank_id in _LOG.findall(checkpoint):
            learn(bank_id=bank_id)
    if response.status_code in {200, 201, 202} and PLAN["learns"]:
        try:
            _learn_of(case.operation.path, dict(case.path_parameters or {}), response.json())
        except ValueError:
            return


def _learn_of(path: str, given: Arguments, body: Any) -> None:
    last = path.rpartition("/")[2]
    if last == "webhook-endpoints":
        for each in body.get("endpoints", [body]):
            learn(endpoint_id=each["id"])
    elif last == "deliveries":
        for each in body["deliveries"]:
            learn(endpoint_id=given["endpoint_id"], delivery=each["id"])
    elif last in {"test", "replays"}:
        name = "test_id" if last == "test" else "replay_id"
        learn(endpoint_id=given["endpoint_id"], **{name: body["id"]})
    elif last == "messages":
        _learn_of_cards(given, body.get("messages", []))
    elif last == "transactions":
        ENTRIES.extend(each["id"] for each in body["transactions"][:3])


def _learn_of_cards(given: Arguments, messages: list[Any]) -> None:
    for each in messages:
        for action in each["actions"]:
            learn(**given, message_id=each["id"], key=action["key"], rev=each["rev"])


@atexit.register
def _tell() -> None:
    told = [[operation, status, count] for (operation, status), count in sorted(TALLY.items())]
    Path(PLAN["tally"]).write_text(json.dumps(told))
