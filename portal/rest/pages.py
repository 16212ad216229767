"""The addresses that problem types point to: docs/problems.md, one page a problem."""

import re
from dataclasses import dataclass
from functools import lru_cache

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.views.decorators.http import require_GET

from portal.environment import ROOT

SOURCE = ROOT / "docs" / "problems.md"


@dataclass(frozen=True)
class ProblemText:
    """What docs/problems.md says of one problem type."""

    slug: str
    title: str
    status: int
    cause: str
    what_to_do: str
    retry: bool

    @property
    def url(self) -> str:
        return reverse("problem", args=[self.slug])


@lru_cache(maxsize=1)
def problem_texts() -> dict[str, ProblemText]:
    """Every problem type by its name."""
    parts = re.split(r"^## +", SOURCE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {text.slug: text for text in map(_read, parts)}


def _read(part: str) -> ProblemText:
    slug, _newline, rest = part.partition("\n")
    said = dict(re.findall(r"^(Status|Cause|What to do|Retry): (.+)$", rest, flags=re.MULTILINE))
    slug = slug.strip("` ")
    return ProblemText(
        slug=slug,
        title=slug.replace("-", " ").capitalize(),
        status=int(said["Status"]),
        cause=said["Cause"],
        what_to_do=said["What to do"],
        retry=said.get("Retry") == "yes",
    )


@require_GET
def problems(request: HttpRequest) -> HttpResponse:
    return render(
        request,
        "portal/rest/problems.html",
        {"problems": sorted(problem_texts().values(), key=lambda each: each.status)},
    )


@require_GET
def problem(request: HttpRequest, slug: str) -> HttpResponse:
    text = problem_texts().get(slug)
    if text is None:
        raise Http404
    shown = {"problem": text, "all_url": reverse("problems")}
    return render(request, "portal/rest/problem.html", shown)


urlpatterns = [
    path("problems/", problems, name="problems"),
    path("problems/<slug:slug>", problem, name="problem"),
]
