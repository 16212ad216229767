"""A customer's authorisation: our own token, the consent, the redirect, tokens and their end."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

from partners.certification.book import Chapter
from partners.certification.hands import HandsTied
from partners.certification.meanings import trouble_of
from partners.certification.refusals import expect_oauth_error, expect_refusal
from partners.certification.report import Finding
from partners.certification.visit import OfAnotherProtocol, PassedOver, Visit, now, today
from partners.certification.wire import REDIRECTS, Found
from partners.connectors.base import (
    AuthorisationRevoked,
    BankRefused,
    ConnectorFailure,
    ConsentTerms,
    Request,
    Response,
    TokenSet,
)

chapter = Chapter("The customer's authorisation")
_STRANGER = "https://attacker.example/callback"
_HISTORY = timedelta(days=390)
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


def _terms(visit: Visit) -> ConsentTerms:
    return ConsentTerms(
        expires_at=now() + timedelta(days=90),
        transactions_from=today(visit.target.zone) - _HISTORY,
    )


def _begin(visit: Visit, state: str = "state") -> str:
    """Lay a consent at the bank; the address to which its customer is sent."""
    visit.verifier = secrets.token_urlsafe(48)
    begun = visit.ask(
        visit.connector.begin_authorisation(
            terms=_terms(visit),
            state=state,
            nonce=secrets.token_urlsafe(16),
            code_verifier=visit.verifier,
        )
    )
    visit.consent_id = begun.bank_consent_id
    return begun.url


def _token_answer(visit: Visit, form: dict[str, str], *, secret: str | None = None) -> Response:
    """A question to the token endpoint as the client, or as one with another secret."""
    address = visit.address
    pair = f"{address.client_id}:{address.client_secret if secret is None else secret}"
    headers = {**_FORM, "Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
    return visit.send(Request("POST", address.token_url, headers, urlencode(form).encode()))


@chapter.check(
    "token.client",
    "It gives us a token of our own",
    "The token endpoint takes client_credentials with scope accounts, authenticated by HTTP Basic.",
    source="RFC 6749, sections 2.3.1 and 4.4",
    needs=("reach.answers",),
)
def client_token(visit: Visit) -> Iterator[Finding]:
    _begin_token_alone(visit)
    yield from ()


def _begin_token_alone(visit: Visit) -> None:
    """The first of the two questions that lay a consent."""
    steps = visit.connector.begin_authorisation(
        terms=_terms(visit), state="s", nonce="n", code_verifier=secrets.token_urlsafe(48)
    )
    request = next(steps)
    response = visit.send(request)
    wrong = trouble_of(response)
    if wrong is not None:
        raise Found(wrong)
    try:
        steps.send(response)
    except ConnectorFailure as failure:
        raise visit.found(failure) from failure


@chapter.check(
    "token.wrong_secret",
    "It refuses a wrong secret of ours",
    "A wrong client secret is answered with 401 and invalid_client.",
    source="RFC 6749, section 5.2",
    needs=("token.client",),
)
def wrong_secret(visit: Visit) -> Iterator[Finding]:
    form = {"grant_type": "client_credentials", "scope": "accounts"}
    response = _token_answer(visit, form, secret=secrets.token_urlsafe(16))
    yield from expect_oauth_error(response, "invalid_client", "a wrong client secret")


@chapter.check(
    "consent.create",
    "It takes a consent",
    "POST /account-access-consents is answered with 201 and a consent that awaits authorisation.",
    source="UK Open Banking 4.0, account access consents",
    needs=("token.client",),
)
def create_consent(visit: Visit) -> Iterator[Finding]:
    _begin(visit)
    visit.told = "awaits the customer"
    yield from ()


@chapter.check(
    "consent.refused",
    "It refuses a consent that nobody could give",
    "A consent with an unknown permission is answered with 400 and an error code.",
    source="UK Open Banking 4.0, account access consents",
    needs=("consent.create",),
)
def refuse_consent(visit: Visit) -> Iterator[Finding]:
    steps = visit.connector.begin_authorisation(
        terms=_terms(visit), state="s", nonce="n", code_verifier=secrets.token_urlsafe(48)
    )
    request = steps.send(visit.send(next(steps)))
    wrong = request.body.replace(b"ReadAccountsDetail", b"ReadEverythingThereIs")
    if wrong == request.body:
        raise OfAnotherProtocol
    response = visit.send(replace(request, body=wrong))
    yield from expect_refusal(
        response, HTTPStatus.BAD_REQUEST, of="a consent with an unknown permission"
    )


@chapter.check(
    "authorise.page",
    "Its customer meets a page",
    "The authorisation endpoint answers a customer's browser with a page, or leads it to one of the bank's.",
    source="RFC 6749, section 4.1.1",
    needs=("consent.create",),
)
def page(visit: Visit) -> Iterator[Finding]:
    response = visit.send(Request("GET", _begin(visit), {"Accept": "text/html"}))
    location = response.header("location")
    if response.status in REDIRECTS:
        if location.startswith(visit.target.redirect_uri):
            yield Finding(
                "refused_at_once",
                f"The bank sent the browser back at once: {urlsplit(location).query[:200]}.",
                "Take the request as it is: response_type=code, scope=accounts, PKCE with S256 and "
                "openbanking_intent_id.",
            )
        return
    if response.status != HTTPStatus.OK or "html" not in response.header("content-type"):
        yield Finding(
            "no_page",
            f"A browser that asks for authorisation gets {response.status} and no page.",
            "Answer with the page on which the customer signs in.",
        )


@chapter.check(
    "authorise.stranger",
    "It sends nobody to a stranger",
    "A redirect_uri that is not registered is never redirected to, not even with an error.",
    source="RFC 6749, section 3.1.2.4; RFC 9700, section 2.1",
    needs=("consent.create",),
)
def stranger(visit: Visit) -> Iterator[Finding]:
    odd = replace(visit.address, redirect_uri=_STRANGER)
    steps = visit.connector_at(odd).begin_authorisation(
        terms=_terms(visit), state="s", nonce="n", code_verifier=secrets.token_urlsafe(48)
    )
    response = visit.send(Request("GET", visit.ask(steps).url, {"Accept": "text/html"}))
    if urlsplit(response.header("location")).hostname == urlsplit(_STRANGER).hostname:
        yield Finding(
            "open_redirect",
            "The bank redirects to an address that is not registered: codes can be stolen.",
            "Compare redirect_uri with the registered ones, letter by letter; show an error page otherwise.",
        )


@chapter.check(
    "authorise.return",
    "Its customer comes back",
    "After the customer's yes the browser returns to our redirect_uri with a code and the same state.",
    source="RFC 6749, section 4.1.2",
    needs=("consent.create",),
)
def come_back(visit: Visit) -> Iterator[Finding]:
    yield from _authorise(visit)


def _authorise(visit: Visit) -> Iterator[Finding]:
    state = secrets.token_urlsafe(16)
    url = _begin(visit, state)
    try:
        returned = visit.hands.authorise(url)
    except HandsTied as tied:
        raise PassedOver(str(tied)) from None
    if "error" in returned:
        raise Found(
            Finding(
                "authorisation_denied",
                f"The bank sent the customer back with {returned['error'][:60]!r}.",
                "Allow all accounts of the test customer; or look into the bank's log.",
            )
        )
    if not returned.get("code"):
        raise Found(
            Finding("no_code", "The customer came back without a code.", "Add the parameter code.")
        )
    if returned.get("state") != state:
        yield Finding(
            "another_state",
            "The customer came back with another state, or without one.",
            "Send state back exactly as it came, whatever it contains; we refuse it otherwise.",
        )
    visit.code = returned["code"]


@chapter.check(
    "token.wrong_verifier",
    "It minds the proof of possession (PKCE)",
    "A code with a wrong code_verifier is answered with 400 and invalid_grant.",
    source="RFC 7636, section 4.6",
    needs=("authorise.return",),
)
def wrong_verifier(visit: Visit) -> Iterator[Finding]:
    form = _code_form(visit) | {"code_verifier": secrets.token_urlsafe(48)}
    response = _token_answer(visit, form)
    found = list(expect_oauth_error(response, "invalid_grant", "a wrong code_verifier"))
    yield from found
    if any(each.code == "accepted" for each in found):
        visit.code = ""  # used up: the customer has to be asked again


def _code_form(visit: Visit) -> dict[str, str]:
    return {
        "grant_type": "authorization_code",
        "code": visit.code,
        "redirect_uri": visit.target.redirect_uri,
        "code_verifier": visit.verifier,
    }


@chapter.check(
    "token.exchange",
    "It gives tokens for the code",
    "The code is exchanged for an access token, a refresh token, expires_in and token_type Bearer.",
    source="RFC 6749, sections 4.1.3 and 5.1",
    needs=("authorise.return",),
)
def exchange(visit: Visit) -> Iterator[Finding]:
    visit.tokens = _exchanged(visit)
    if visit.tokens is None:
        # A bank may hold a code for spent after a wrong proof: then the customer is asked once more.
        yield from _authorise(visit)
        visit.tokens = visit.ask(
            visit.connector.exchange(code=visit.code, code_verifier=visit.verifier, at=now())
        )
    if visit.tokens.refresh_token is None:
        yield Finding(
            "no_refresh_token",
            "No refresh token came: the customer would have to link again with every access token.",
            "Give a refresh token that lasts as long as the consent.",
        )
    yield from _stored_nowhere(visit)
    lasts = visit.tokens.expires_at - now()
    visit.told = f"good for {max(round(lasts.total_seconds()), 0)} s"


def _exchanged(visit: Visit) -> TokenSet | None:
    """None where the bank holds the code for spent."""
    if not visit.code:
        return None
    try:
        return visit.attempt(
            visit.connector.exchange(code=visit.code, code_verifier=visit.verifier, at=now())
        )
    except AuthorisationRevoked:
        return None
    except ConnectorFailure as failure:
        raise visit.found(failure) from failure


def _stored_nowhere(visit: Visit) -> Iterator[Finding]:
    _request, response = visit.wire.raw[-1]
    if response and "no-store" not in response.header("cache-control").lower():
        yield Finding(
            "may_be_stored",
            "The answer with the tokens does not forbid caches to keep it.",
            "Add Cache-Control: no-store (RFC 6749, section 5.1).",
            harmless=True,
        )


@chapter.check(
    "token.refresh",
    "It renews the access token",
    "The refresh token gives an access token that works.",
    source="RFC 6749, section 6",
    needs=("token.exchange",),
)
def refresh(visit: Visit) -> Iterator[Finding]:
    if visit.tokens is None or visit.tokens.refresh_token is None:
        raise PassedOver("the bank gave no refresh token")
    visit.tokens = visit.ask(
        visit.connector.refresh(refresh_token=visit.tokens.refresh_token, at=now())
    )
    visit.ask(visit.connector.accounts(grant=visit.grant))
    yield from ()


@chapter.check(
    "token.wrong_refresh",
    "It refuses a refresh token that it never gave",
    "It is answered with 400 and invalid_grant: by that we know that the customer has to link again.",
    source="RFC 6749, section 5.2",
    needs=("token.exchange",),
)
def wrong_refresh(visit: Visit) -> Iterator[Finding]:
    form = {"grant_type": "refresh_token", "refresh_token": secrets.token_urlsafe(32)}
    response = _token_answer(visit, form)
    yield from expect_oauth_error(response, "invalid_grant", "a made-up refresh token")


end = Chapter("The end of the authorisation")


@end.check(
    "token.code_once",
    "It takes a code once",
    "A code that was used is answered with 400 and invalid_grant.",
    source="RFC 6749, section 4.1.2",
    needs=("token.exchange",),
)
def code_once(visit: Visit) -> Iterator[Finding]:
    response = _token_answer(visit, _code_form(visit))
    yield from expect_oauth_error(response, "invalid_grant", "a code that was used before")


@end.check(
    "consent.revoke",
    "We can end the consent",
    "DELETE /account-access-consents/{ConsentId} is answered with 204.",
    source="UK Open Banking 4.0, account access consents",
    needs=("token.exchange",),
)
def revoke(visit: Visit) -> Iterator[Finding]:
    visit.ask(visit.connector.revoke_consent(bank_consent_id=visit.consent_id))
    visit.consent_ended = True
    yield from ()


def revoke_if_given(visit: Visit) -> None:
    """Leave no consent behind that a customer gave for the check alone."""
    if visit.tokens is not None and not visit.consent_ended:
        visit.attempt(visit.connector.revoke_consent(bank_consent_id=visit.consent_id))


@end.check(
    "consent.revoked",
    "Nothing is given after the end",
    "The access token is refused with 401 or 403, and the refresh token with invalid_grant.",
    source="UK Open Banking 4.0, account access consents",
    needs=("consent.revoke",),
)
def revoked(visit: Visit) -> Iterator[Finding]:
    response = visit.get(f"{visit.api}/accounts", visit.token)
    yield from expect_refusal(
        response,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        of="a token whose consent was ended",
        errors=False,
    )
    tokens = visit.tokens
    if tokens and tokens.refresh_token:
        try:
            visit.attempt(visit.connector.refresh(refresh_token=tokens.refresh_token, at=now()))
        except (AuthorisationRevoked, BankRefused):
            return
        except ConnectorFailure as failure:
            raise visit.found(failure) from failure
        yield Finding(
            "renewed_after_the_end",
            "The refresh token gave a new access token after the consent was ended.",
            "Let all its tokens end with the consent.",
        )
