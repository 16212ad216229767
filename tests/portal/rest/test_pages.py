from collections.abc import Iterator

import pytest
from django.test import Client

from portal import urls  # noqa: F401  # imports every door, and so every problem
from portal.rest.pages import problem_texts
from portal.rest.problems import Problem
from portal.urls import api, chat, console  # noqa: F401  # as above


def every_problem(kind: type[Problem] = Problem) -> Iterator[type[Problem]]:
    for each in kind.__subclasses__():
        yield each
        yield from every_problem(each)


def test_every_problem_is_documented_with_its_status() -> None:
    ours = {
        each.slug: each.status
        for each in every_problem()
        if not each.__module__.startswith("tests")
    }

    documented = {slug: text.status for slug, text in problem_texts().items()}

    assert {slug: documented.get(slug) for slug in ours} == ours
    assert set(documented) - set(ours) == set()


@pytest.mark.parametrize("slug", ["not-found", "too-many-requests"])
def test_the_address_of_a_type_shows_its_text(slug: str, client: Client) -> None:
    response = client.get(f"/problems/{slug}", HTTP_HOST="portal.localhost:8000")

    assert response.status_code == 200
    assert problem_texts()[slug].cause[:20] in response.content.decode()


def test_an_unknown_type_is_404(client: Client) -> None:
    assert client.get("/problems/none", HTTP_HOST="portal.localhost:8000").status_code == 404
