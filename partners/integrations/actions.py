"""Writing down how to reach a bank, and trying whether it works."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from secrets import token_urlsafe
from uuid import UUID

from partners.connectors.base import (
    BadAnswer,
    BankRefused,
    Connector,
    ConnectorFailure,
    ConsentTerms,
    RateLimited,
    TemporarilyUnavailable,
)
from partners.integrations.models import Integration, Mode
from partners.integrations.queries import connector_of, get_integration
from partners.integrations.runner import run
from portal.rest.problems import NotFound
from portal.secrets.fields import keep_secret
from portal.tenancy.blocks import serving
from portal.wakeups import wake_after_commit

_STEPS = ("Read the bank's keys", "Sign in and open a consent", "Close the consent again")


@dataclass(frozen=True, slots=True)
class Proof:
    """How we prove who we are. A new key and its certificate take the place of those before together."""

    authentication: str
    key_id: str = ""
    private_key: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    certificate_until: datetime | None = None


def configure_integration(
    *,
    mode: str,
    base_url: str,
    authorize_url: str,
    token_url: str,
    client_id: str,
    client_secret: str = "",
    connector: str = "",
    proof: Proof | None = None,
) -> Integration:
    """Keep the addresses and credentials; what is not said stays as it is."""
    integration = Integration.objects.select_for_update(no_key=True).filter(mode=mode).first()
    integration = integration or Integration(mode=Mode(mode))
    integration.base_url = base_url
    integration.authorize_url = authorize_url
    integration.token_url = token_url
    integration.client_id = client_id
    integration.connector = connector or integration.connector
    if client_secret:
        keep_secret(integration, "client_secret", client_secret)
    if proof is not None:
        _keep_proof(integration, proof)
    integration.status = Integration.Status.UNTESTED
    integration.check_report = []
    integration.save()
    return integration


def _keep_proof(integration: Integration, proof: Proof) -> None:
    integration.authentication = Integration.Authentication(proof.authentication)
    integration.key_id = proof.key_id
    if proof.private_key:
        keep_secret(integration, "private_key", proof.private_key)
        integration.certificate = proof.certificate
        integration.certificate_until = proof.certificate_until


def request_check(*, mode: str, at: datetime) -> Integration:
    """Have a worker try the bank's systems. Raises NotFound where there is nothing to try."""
    integration = Integration.objects.select_for_update(no_key=True).filter(mode=mode).first()
    if integration is None:
        raise NotFound
    integration.checked_at = at
    integration.check_report = first_report()
    integration.save(update_fields=["checked_at", "check_report"])
    wake_after_commit(
        "partners.integrations.tasks.check", bank_id=str(integration.bank_id), mode=mode
    )
    return integration


def check_integration(*, bank_id: UUID, mode: str, clock: Callable[[], datetime]) -> Integration:
    """Try each step and keep what was found. Calls the network, so opens its own blocks."""
    with serving(bank_id):
        connector = connector_of(get_integration(mode))
    report = tried_steps(connector, at=clock())
    return _keep_report(bank_id, mode, report, clock())


def first_report() -> list[dict[str, str]]:
    """Of a test that is about to begin."""
    return [_step(title, "waiting" if at else "busy") for at, title in enumerate(_STEPS)]


def tried_steps(connector: Connector, *, at: datetime) -> list[dict[str, str]]:
    """Each step until one fails; calls the network."""
    terms = ConsentTerms(expires_at=at + timedelta(days=1), transactions=False)
    opened: list[str] = []

    def open_consent() -> None:
        began = connector.begin_authorisation(
            terms=terms, state=token_urlsafe(), nonce=token_urlsafe(), code_verifier=_verifier()
        )
        opened.append(run(began).bank_consent_id)

    attempts: tuple[Callable[[], object], ...] = (
        lambda: run(connector.signing_keys()),
        open_consent,
        lambda: run(connector.revoke_consent(bank_consent_id=opened[0])),
    )
    report: list[dict[str, str]] = []
    for title, attempt in zip(_STEPS, attempts, strict=True):
        failed_before = any(each["state"] == "danger" for each in report)
        report.append(_step(title, "waiting") if failed_before else _tried(title, attempt))
    return report


def _verifier() -> str:
    return token_urlsafe(48)


def _tried(title: str, attempt: Callable[[], object]) -> dict[str, str]:
    started = time.perf_counter()
    try:
        attempt()
    except ConnectorFailure as failure:
        return _step(title, "danger", text=failure_words(failure))
    return _step(title, "good", aside=f"{(time.perf_counter() - started) * 1000:.0f} ms")


def failure_words(failure: ConnectorFailure) -> str:
    """What went wrong, for the bank's own engineers; never what the bank wrote."""
    match failure:
        case RateLimited():
            return "The bank says that we ask too often."
        case TemporarilyUnavailable():
            return "No answer from that address, or the bank says that it is unavailable."
        case BankRefused():
            return f"The bank refused: {failure.code}."
        case BadAnswer():
            return f"The answer is not what the standard says: {failure}."
        case _:
            return "The bank did not accept our credentials."


def _step(title: str, state: str, *, text: str = "", aside: str = "") -> dict[str, str]:
    return {"title": title, "state": state, "text": text, "aside": aside}


def _keep_report(
    bank_id: UUID, mode: str, report: list[dict[str, str]], at: datetime
) -> Integration:
    works = all(each["state"] == "good" for each in report)
    with serving(bank_id):
        integration = Integration.objects.select_for_update(no_key=True).get(mode=mode)
        integration.check_report = report
        integration.checked_at = at
        integration.status = Integration.Status.WORKING if works else Integration.Status.FAILING
        integration.save(update_fields=["check_report", "checked_at", "status"])
    return integration
