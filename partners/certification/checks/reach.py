"""Is there a bank at all, and where is everything?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

from partners.certification import masking
from partners.certification.book import Chapter
from partners.certification.meanings import trouble_of
from partners.certification.report import Finding
from partners.certification.visit import Visit
from partners.certification.wire import REDIRECTS, Found, not_json
from partners.connectors.base import Request, Response

chapter = Chapter("Reaching the bank")
_MOST_REDIRECTS = 8
_DOCUMENT = "/.well-known/openid-configuration"
_WANTED = {
    "issuer": "",
    "authorization_endpoint": "",
    "token_endpoint": "",
    "jwks_uri": "",
}
_PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "k")
_ENOUGH_BITS = 2048


@chapter.check(
    "reach.answers",
    "An HTTP server answers at the address",
    "The address that you give us leads to an HTTP server that answers.",
    source="RFC 9110",
)
def answers(visit: Visit) -> Iterator[Finding]:
    url, seen = f"{visit.address.base_url}/", set()
    while True:
        seen.add(url)
        response = visit.wire.send(Request("GET", url, {"Accept": "*/*"}))
        if response.status not in REDIRECTS:
            break
        url = urljoin(url, response.header("location"))
        if url in seen or len(seen) > _MOST_REDIRECTS:
            yield Finding(
                "redirect_loop",
                f"The address redirects in a circle, over {masking.url(url)[:200]!r}.",
                "Give the address at which the interfaces themselves answer.",
                harmless=True,
            )
            return
    visit.told = f"{response.header('server') or 'a server'} answered {response.status}"


@chapter.check(
    "reach.https",
    "It is spoken to over TLS",
    "Every address is https, with a certificate that the public trusts.",
    source="RFC 9700, section 2.6",
    needs=("reach.answers",),
)
def https(visit: Visit) -> Iterator[Finding]:
    address = visit.address
    plain = [
        url
        for url in (address.base_url, address.authorize_url, address.token_url, address.jwks_url)
        if urlsplit(url).scheme != "https"
    ]
    if plain:
        yield Finding(
            "not_https",
            "Tokens and account data would travel readable: the address begins with http.",
            "Serve https before you go live; in production nothing else is called.",
            harmless=all(_is_near(url) for url in plain),
        )


def _is_near(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in {"127.0.0.1", "::1", "localhost"} or host.endswith(".localhost")


@chapter.check(
    "discovery.document",
    "It says where everything is",
    f"GET {_DOCUMENT} names issuer, authorization_endpoint, token_endpoint and jwks_uri.",
    source="OpenID Connect Discovery 1.0, section 4; RFC 8414",
    needs=("reach.answers",),
    required=False,
)
def document(visit: Visit) -> Iterator[Finding]:
    response = visit.send(
        Request("GET", visit.address.base_url + _DOCUMENT, {"Accept": "application/json"})
    )
    if response.status == HTTPStatus.NOT_FOUND:
        yield Finding(
            "no_discovery",
            "The bank has no such document; what you told us, or the usual addresses, are taken.",
            f"Serve {_DOCUMENT}, so that nobody has to copy addresses.",
        )
        return
    wrong = trouble_of(response) or not_json(response)
    if wrong is not None:
        raise Found(wrong)
    yield from _read(visit, response)


def _read(visit: Visit, response: Response) -> Iterator[Finding]:
    said = json.loads(response.body)
    said = said if isinstance(said, dict) else {}
    for name in _WANTED:
        value = said.get(name)
        if isinstance(value, str) and urlsplit(value).scheme in {"https", "http"}:
            visit.discovered[name] = value
        else:
            yield Finding(
                "not_named",
                f"The document does not name {name} as an address.",
                f"Add {name}.",
            )
    methods = said.get("code_challenge_methods_supported")
    if not isinstance(methods, list) or "S256" not in methods:
        yield Finding(
            "pkce_not_named",
            "code_challenge_methods_supported does not name S256.",
            "Support PKCE with S256, and say so.",
        )


@chapter.check(
    "discovery.keys",
    "Its public keys can be read",
    "The JWK set holds an RSA key for signatures (PS256) of 2048 bits or more with a kid, and no private key.",
    source="RFC 7517; UK Open Banking 4.0, event notifications",
    needs=("reach.answers",),
)
def keys(visit: Visit) -> Iterator[Finding]:
    visit.jwks = visit.ask(visit.connector.signing_keys())
    listed = visit.jwks.get("keys")
    kept = [key for key in listed if isinstance(key, dict)] if isinstance(listed, list) else []
    if any(name in key for key in kept for name in _PRIVATE):
        yield Finding(
            "private_key_published",
            "A private key is published among the public ones.",
            "Take it down at once, make new keys, and publish only their public halves.",
        )
    fit = [key for key in kept if _signs_events(key)]
    if not fit:
        yield Finding(
            "no_signing_key",
            "None of the keys can have signed an event: an RSA key with a kid, for PS256, is needed.",
            'Publish {"kty": "RSA", "use": "sig", "alg": "PS256", "kid": "...", "n": "...", "e": "AQAB"}.',
        )
    elif all(_bits(key) < _ENOUGH_BITS for key in fit):
        yield Finding(
            "key_too_short",
            f"The signing key has fewer than {_ENOUGH_BITS} bits.",
            "Make one of 2048 bits or more.",
        )
    visit.told = f"{len(kept)} keys"


def _signs_events(key: dict[str, object]) -> bool:
    return (
        key.get("kty") == "RSA"
        and bool(key.get("kid"))
        and key.get("use", "sig") == "sig"
        and key.get("alg", "PS256") == "PS256"
    )


def _bits(key: dict[str, object]) -> int:
    return len(str(key.get("n", ""))) * 6
