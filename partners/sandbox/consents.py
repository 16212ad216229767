"""Account-access consents and the grants made from them: what a client may see of whom."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import secrets
import uuid
from dataclasses import dataclass

from psycopg.rows import DictRow

from partners.sandbox.bank import Bank
from partners.sandbox.keys import fingerprint
from partners.sandbox.ledger import LedgerRefusal
from partners.sandbox.storage.database import Connection

_CODE_LIFE = dt.timedelta(minutes=5)


class GrantRefused(Exception):
    """An OAuth refusal: `error` is a code of RFC 6749, section 5.2."""

    def __init__(self, error: str, detail: str) -> None:
        super().__init__(detail)
        self.error = error
        self.detail = detail


@dataclass(frozen=True)
class Tokens:
    """What a token answer holds; times in seconds."""

    access_token: str
    expires_in: int
    refresh_token: str | None


async def find_consent(connection: Connection, consent_id: str) -> DictRow | None:
    """The consent, its status as of now (`EXPD` once it has run out)."""
    cursor = await connection.execute(
        """SELECT *, CASE WHEN status = 'AUTH' AND expires_at <= now() THEN 'EXPD' ELSE status END
           AS status FROM consents WHERE id = %s""",
        (consent_id,),
    )
    return await cursor.fetchone()


async def visible_accounts(connection: Connection, consent: DictRow) -> list[DictRow]:
    """The accounts that a live consent covers, in the customer's order."""
    cursor = await connection.execute(
        """SELECT a.*, (SELECT string_agg(c.name, ' & ' ORDER BY c.position)
             FROM account_holders o JOIN customers c ON c.id = o.customer_id
             WHERE o.account_id = a.id) AS holder_names
           FROM accounts a JOIN account_holders h ON h.account_id = a.id
           WHERE h.customer_id = %s AND (%s OR EXISTS (SELECT 1 FROM consent_accounts s
             WHERE s.consent_id = %s AND s.account_id = a.id))
           ORDER BY h.position, a.id""",
        (consent["customer_id"], consent["all_accounts"], consent["id"]),
    )
    return await cursor.fetchall()


async def approve(
    bank: Bank,
    connection: Connection,
    *,
    consent_id: str,
    customer_id: uuid.UUID,
    account_ids: list[str] | None,
    redirect_uri: str,
    code_challenge: str,
) -> str:
    """The customer says yes to these accounts (None: all, later ones too); gives the one-time code."""
    consent = await find_consent(connection, consent_id)
    if consent is None or consent["status"] != "AWAU":
        raise LedgerRefusal("consent_not_open", "This request is no longer open.")
    held = await connection.execute(
        "SELECT account_id FROM account_holders WHERE customer_id = %s", (customer_id,)
    )
    own = {row["account_id"] for row in await held.fetchall()}
    if account_ids is not None and (not account_ids or not own.issuperset(account_ids)):
        raise LedgerRefusal("no_such_account", "Choose at least one account of your own.")
    await connection.execute(
        """UPDATE consents SET status = 'AUTH', status_at = %s, customer_id = %s, all_accounts = %s
           WHERE id = %s AND status = 'AWAU'""",
        (bank.now(), customer_id, account_ids is None, consent_id),
    )
    for account_id in sorted(set(account_ids or ())):
        await connection.execute(
            "INSERT INTO consent_accounts (consent_id, account_id) VALUES (%s, %s)",
            (consent_id, account_id),
        )
    code = secrets.token_urlsafe(32)
    await connection.execute(
        """INSERT INTO authorisation_codes
           (code_hash, consent_id, redirect_uri, code_challenge, expires_at)
           VALUES (%s, %s, %s, %s, %s)""",
        (fingerprint(code), consent_id, redirect_uri, code_challenge, bank.now() + _CODE_LIFE),
    )
    return code


async def reject(bank: Bank, connection: Connection, *, consent_id: str) -> None:
    """The customer says no."""
    await connection.execute(
        "UPDATE consents SET status = 'RJCT', status_at = %s WHERE id = %s AND status = 'AWAU'",
        (bank.now(), consent_id),
    )


async def withdraw(
    bank: Bank, connection: Connection, *, consent_id: str, customer_id: uuid.UUID
) -> bool:
    """The customer takes a yes back at the bank; says whether there was one."""
    cursor = await connection.execute(
        """UPDATE consents SET status = 'CANC', status_at = %s
           WHERE id = %s AND customer_id = %s AND status = 'AUTH'""",
        (bank.now(), consent_id, customer_id),
    )
    return cursor.rowcount == 1


async def exchange_code(
    bank: Bank,
    connection: Connection,
    *,
    client_id: str,
    code: str,
    redirect_uri: str,
    code_verifier: str,
) -> Tokens:
    """Tokens for a code (RFC 6749, 4.1.3, with PKCE S256). Raises GrantRefused."""
    cursor = await connection.execute(
        """SELECT k.*, c.client_id, c.status AS consent_status FROM authorisation_codes k
           JOIN consents c ON c.id = k.consent_id WHERE k.code_hash = %s FOR UPDATE OF k""",
        (fingerprint(code),),
    )
    row = await cursor.fetchone()
    if row is None or row["client_id"] != client_id or row["expires_at"] <= bank.now():
        raise GrantRefused("invalid_grant", "the code is unknown or has expired")
    if row["used_at"] is not None:
        raise GrantRefused("invalid_grant", "the code was used before")
    proven = hmac.compare_digest(_challenge(code_verifier), row["code_challenge"])
    if row["redirect_uri"] != redirect_uri or not proven:
        raise GrantRefused("invalid_grant", "the redirect address or the code verifier is wrong")
    if row["consent_status"] != "AUTH":
        raise GrantRefused("invalid_grant", "the consent is no longer given")
    await connection.execute(
        "UPDATE authorisation_codes SET used_at = %s WHERE code_hash = %s",
        (bank.now(), row["code_hash"]),
    )
    refresh = await _keep(
        connection, kind="refresh", client_id=client_id, consent_id=row["consent_id"], until=None
    )
    return await _access(bank, connection, client_id, row["consent_id"], refresh)


async def forget_grants_of_code(connection: Connection, *, code: str, client_id: str) -> None:
    """A used code came again: whatever was granted by it ends (RFC 6749, 4.1.2)."""
    await connection.execute(
        """DELETE FROM tokens WHERE client_id = %s AND consent_id = (SELECT consent_id
           FROM authorisation_codes WHERE code_hash = %s AND used_at IS NOT NULL)""",
        (client_id, fingerprint(code)),
    )


async def refresh(
    bank: Bank, connection: Connection, *, client_id: str, refresh_token: str
) -> Tokens:
    """A fresh access token. The refresh token stays the same, as UK banks do. Raises GrantRefused."""
    cursor = await connection.execute(
        """SELECT t.consent_id FROM tokens t JOIN consents c ON c.id = t.consent_id
           WHERE t.token_hash = %s AND t.kind = 'refresh' AND t.client_id = %s
             AND c.status = 'AUTH' AND (c.expires_at IS NULL OR c.expires_at > %s)""",
        (fingerprint(refresh_token), client_id, bank.now()),
    )
    row = await cursor.fetchone()
    if row is None:
        raise GrantRefused("invalid_grant", "the refresh token or its consent has ended")
    return await _access(bank, connection, client_id, row["consent_id"], refresh_token)


async def client_token(bank: Bank, connection: Connection, *, client_id: str) -> Tokens:
    """A token of the client's own, for making consents."""
    life = bank.settings.access_token_seconds
    until = bank.now() + dt.timedelta(seconds=life)
    token = await _keep(
        connection, kind="client", client_id=client_id, consent_id=None, until=until
    )
    return Tokens(token, life, None)


async def _access(
    bank: Bank, connection: Connection, client_id: str, consent_id: str, refresh_token: str
) -> Tokens:
    life = bank.settings.access_token_seconds
    until = bank.now() + dt.timedelta(seconds=life)
    await connection.execute("DELETE FROM tokens WHERE expires_at < %s", (bank.now(),))
    token = await _keep(
        connection, kind="access", client_id=client_id, consent_id=consent_id, until=until
    )
    return Tokens(token, life, refresh_token)


async def _keep(
    connection: Connection,
    *,
    kind: str,
    client_id: str,
    consent_id: str | None,
    until: dt.datetime | None,
) -> str:
    token = secrets.token_urlsafe(32)
    await connection.execute(
        """INSERT INTO tokens (token_hash, kind, client_id, consent_id, expires_at)
           VALUES (%s, %s, %s, %s, %s)""",
        (fingerprint(token), kind, client_id, consent_id, until),
    )
    return token


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
