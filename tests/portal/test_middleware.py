"""What every request passes, seen from outside."""

from typing import Any

import pytest
from django.test import AsyncClient, Client

FILE = "/static/design/tokens.css"
HOST = {"host": "console.portal.localhost"}


# A warning would be an error here: Django has one for files that are sent from a thread.
@pytest.mark.django_db
async def test_a_static_file_is_sent_whole_by_an_asynchronous_server(
    async_client: AsyncClient,
) -> None:
    answered: Any = await async_client.get(FILE, headers=HOST)

    assert answered.status_code == 200
    assert answered.headers["Content-Type"].startswith("text/css")
    assert int(answered.headers["Content-Length"]) == len(answered.content)


def test_a_static_file_that_has_not_changed_is_not_sent_again(client: Client) -> None:
    first = client.get(FILE, headers=HOST)

    known = {"If-Modified-Since": first.headers["Last-Modified"]}
    again = client.get(FILE, headers=HOST | known)
    part = client.get(FILE, headers=HOST | {"Range": "bytes=0-9"})

    assert (again.status_code, again.content) == (304, b"")
    assert "Content-Type" not in again.headers
    assert (part.status_code, part.content) == (206, first.content[:10])
