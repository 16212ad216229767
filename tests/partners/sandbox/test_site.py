"""The bank's pages, as a browser without scripts sees them."""

from tests.partners.sandbox.visitor import Visitor


async def test_front_page_shows_sign_ins_of_the_sandbox(visitor: Visitor) -> None:
    person = await visitor.first()

    page = await visitor.http.get("/")

    assert page.status_code == 200
    assert person["login"] in page.text
    assert person["password"] in page.text
