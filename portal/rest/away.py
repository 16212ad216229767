"""A page, or an address outside the API, for which the database has no room just now."""

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.deprecation import MiddlewareMixin

from portal.middleware import host_label
from portal.rest.problems import (
    DATABASE_AWAY,
    Unavailable,
    note_database_away,
    problem_response,
)


class WithoutDatabase(MiddlewareMixin):
    """Says so: 503, to be asked for again. The API's own doors do it where they say everything else."""

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, DATABASE_AWAY):
            return None
        note_database_away(error, request.path)
        if host_label(request) == "api" or request.path.startswith("/api/"):
            return problem_response(Unavailable())
        # As the page for what broke it knows nothing of whose it is: that would have to be looked up.
        words = render_to_string("503.html")
        return HttpResponse(words, status=Unavailable.status, headers=Unavailable().headers)
