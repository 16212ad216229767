"""The shape of the API's doors."""

from typing import Any

from django.http import HttpResponseBase
from rest_framework.request import Request
from rest_framework.views import APIView

from portal.rest.permissions import SignedIn


class Door(APIView):
    """A door of the API: understands the request, makes one call, answers; never cached by others.

    A subclass names its `authentication_classes`; whom they found is `request.auth`.
    """

    permission_classes = [SignedIn]

    def finalize_response(
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> Any:
        answered = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[arg-type]  # the stubs want a DRF response alone
        answered.headers.setdefault("Cache-Control", "no-store")
        # DRF would say application/json for a problem too.
        if answered.status_code >= 400 and "Content-Type" in answered.headers:  # noqa: PLR2004
            answered.headers["Content-Type"] = "application/problem+json"
        return answered
