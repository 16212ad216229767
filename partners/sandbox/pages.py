"""Writing the bank's pages: templates, headers, and who is signed in."""

from __future__ import annotations

import datetime as dt
import secrets
import uuid
from pathlib import Path
from typing import Any

import jinja2
from psycopg.rows import DictRow
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from partners.sandbox import money
from partners.sandbox.bank import Bank, bank_of
from partners.sandbox.bodies import BodyRefused
from partners.sandbox.storage.database import Connection

COOKIE = "bank_session"
_SESSION_LIFE = dt.timedelta(hours=8)
_FOLDER = Path(__file__).parent
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_FOLDER / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def render(
    request: Request,
    template: str,
    *,
    status: int = 200,
    form_targets: str = "'self'",
    frame_ancestors: str = "'none'",
    **values: Any,
) -> Response:
    """A page of the bank, with a content policy that lets in the chat's origin and nobody else."""
    bank = bank_of(request)
    html = _TEMPLATES.get_template(template).render(
        bank=bank.profile,
        origin=bank.origin,
        chat_origin=bank.settings.portal_origin,
        money=lambda minor, currency: money.to_display(minor, currency, bank.profile.locale),
        day=lambda at: _day(bank, at),
        clock=lambda at: f"{at.astimezone(bank.profile.tz):%H:%M}",
        date=lambda on: f"{on.day} {_MONTHS[on.month - 1]}",
        **values,
    )
    chat = bank.settings.portal_origin
    policy = (
        f"default-src 'none'; script-src 'self' {chat}; style-src 'self' {chat}; "
        f"img-src 'self' data: {chat}; font-src 'self'; connect-src 'self' {chat}; "
        f"frame-src {chat}; form-action {form_targets}; base-uri 'none'; "
        f"frame-ancestors {frame_ancestors}"
    )
    headers = {
        "content-security-policy": policy,
        "referrer-policy": "strict-origin-when-cross-origin",
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    }
    return HTMLResponse(html, status_code=status, headers=headers)


def _day(bank: Bank, at: dt.datetime) -> str:
    local = at.astimezone(bank.profile.tz)
    today = bank.now().astimezone(bank.profile.tz).date()
    ago = (today - local.date()).days
    if ago in {0, 1}:
        return ("Today", "Yesterday")[ago]
    year = "" if local.year == today.year else f" {local.year}"
    return f"{local.day} {_MONTHS[local.month - 1]}{year}"


def sorry(request: Request, *, status: int, title: str, detail: str) -> Response:
    """A page that says what went wrong."""
    return render(request, "sorry.html", status=status, title=title, detail=detail, customer=None)


def check_origin(request: Request) -> None:
    """A form may only be sent by the bank's own pages; browsers say where it came from."""
    sent = request.headers.get("origin")
    own = {bank_of(request).origin, f"{request.url.scheme}://{request.headers.get('host', '')}"}
    if sent is not None and sent not in own:
        raise BodyRefused(403, "This form was sent from another site.")


def sign_in_cookie(bank: Bank, response: Response, *, customer_id: uuid.UUID) -> None:
    """Remember who signed in, in this browser, for this host alone."""
    until = int((bank.now() + _SESSION_LIFE).timestamp())
    value = bank.keys.seal("session", {"customer": str(customer_id), "until": until})
    response.set_cookie(
        COOKIE,
        value,
        max_age=int(_SESSION_LIFE.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=bank.origin.startswith("https:"),
    )


async def signed_in(request: Request, connection: Connection) -> DictRow | None:
    """The customer whose browser this is, if any."""
    bank = bank_of(request)
    value = bank.keys.unseal("session", request.cookies.get(COOKIE, ""))
    if value is None or value["until"] < bank.now().timestamp():
        return None
    cursor = await connection.execute(
        "SELECT * FROM customers WHERE id = %s", (value["customer"],)
    )
    return await cursor.fetchone()


async def find_customer(connection: Connection, login: str) -> DictRow | None:
    """A customer by login."""
    cursor = await connection.execute("SELECT * FROM customers WHERE login = %s", (login,))
    return await cursor.fetchone()


async def check_password(connection: Connection, *, login: str, password: str) -> DictRow | None:
    """The customer with that login and password. Kept readable: the site itself shows them."""
    row = await find_customer(connection, login)
    known = row["password"] if row else secrets.token_hex(8)
    right = secrets.compare_digest(known.encode(), password.encode())
    return row if right else None
