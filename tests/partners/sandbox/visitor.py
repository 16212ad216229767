"""Somebody who uses the bank's interfaces as the portal does."""

import base64
import hashlib
import secrets
from typing import Any

import httpx

AISP = "/open-banking/v4.0/aisp"
CLIENT = "portal"
SECRET = "a-secret-of-the-portal"
REDIRECT = "http://chat.portal.localhost:8000/link/callback"
EVERYTHING = [
    "ReadAccountsDetail",
    "ReadBalances",
    "ReadTransactionsDetail",
    "ReadTransactionsCredits",
    "ReadTransactionsDebits",
]
Json = dict[str, Any]


def pkce() -> tuple[str, str]:
    """A code verifier and its S256 challenge."""
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    return verifier, base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class Visitor:
    """Calls the bank; what it returns is what the bank answered."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def token(self, **fields: str) -> httpx.Response:
        """The token endpoint with the client's own password."""
        return await self.http.post("/as/token", data=fields, auth=(CLIENT, SECRET))

    async def client_headers(self) -> dict[str, str]:
        """A bearer of the client itself."""
        answer = await self.token(grant_type="client_credentials", scope="accounts")
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    async def consent(self, **data: Any) -> Json:
        """A new consent, not yet approved."""
        body = {"Data": {"Permissions": EVERYTHING, **data}, "Risk": {}}
        headers = await self.client_headers()
        answer = await self.http.post(
            f"{AISP}/account-access-consents", json=body, headers=headers
        )
        assert answer.status_code == 201, answer.text
        found: Json = answer.json()["Data"]
        return found

    async def approve(self, consent_id: str, challenge: str, **choice: Any) -> str:
        """The customer's yes, without a browser; the one-time code."""
        people = (await self.control("GET", "customers"))["customers"]
        body = {
            "consent_id": consent_id,
            "login": people[0]["login"],
            "redirect_uri": REDIRECT,
            "state": "s",
            "code_challenge": challenge,
            **(choice or {"all": True}),
        }
        code: str = (await self.control("POST", "approve", body))["code"]
        return code

    async def tokens(self, *, permissions: list[str] | None = None, **choice: Any) -> Json:
        """Tokens for the first customer's accounts."""
        consent = await self.consent(Permissions=permissions or EVERYTHING)
        verifier, challenge = pkce()
        code = await self.approve(consent["ConsentId"], challenge, **choice)
        answer = await self.token(
            grant_type="authorization_code",
            code=code,
            redirect_uri=REDIRECT,
            code_verifier=verifier,
        )
        assert answer.status_code == 200, answer.text
        return {**answer.json(), "ConsentId": consent["ConsentId"]}

    async def linked(self, **choice: Any) -> dict[str, str]:
        """Headers that read the first customer's accounts."""
        tokens = await self.tokens(**choice)
        return {"Authorization": f"Bearer {tokens['access_token']}"}

    async def control(self, method: str, path: str, body: Any = None) -> Json:
        """A control that must succeed."""
        answer = await self.http.request(method, f"/_control/{path}", json=body)
        assert answer.is_success, answer.text
        found: Json = answer.json()
        return found

    async def first(self) -> Json:
        """The first customer, as the control interface shows them."""
        found: Json = (await self.control("GET", "customers"))["customers"][0]
        return found

    async def buy(self, **order: Any) -> Json:
        """A purchase by the first customer."""
        login = (await self.first())["login"]
        return await self.control("POST", f"customers/{login}/buy", order)

    async def transactions(
        self, headers: dict[str, str], account_id: str, **query: str
    ) -> list[Json]:
        """All transactions of an account, page after page."""
        url: str | None = f"{AISP}/accounts/{account_id}/transactions"
        found: list[Json] = []
        params: dict[str, str] | None = query or None
        while url:
            answer = await self.http.get(url, headers=headers, params=params)
            assert answer.status_code == 200, answer.text
            found += answer.json()["Data"]["Transaction"]
            url, params = answer.json()["Links"].get("Next"), None
        return found

    async def ledger(self, *, new_only: bool = True) -> Json:
        """The judge's view, by default of what happened after the invented year."""
        after = 0
        if new_only:
            after = (await self.control("GET", "ledger?limit=1"))["seeded_until"]
        return await self.control("GET", f"ledger?after={after}&limit=5000")
