"""How the OAuth library checks clients, codes and tokens, where ours is stricter."""

from typing import Any

from django.utils import timezone
from oauth2_provider.oauth2_validators import OAuth2Validator

from accounts.clients.actions import SpentCode, spend_code
from accounts.clients.rules import is_plain

_SPENT = "_spent_code"


class ClientValidator(OAuth2Validator):  # type: ignore[misc]  # the library has no types
    """Looks up no client by a name that none can have; a code is a customer's yes, of which we keep the row."""

    def _load_application(self, client_id: Any, request: Any) -> Any:
        return super()._load_application(client_id, request) if is_plain(client_id) else None

    def validate_code(
        self,
        client_id: Any,  # noqa: ARG002  # the library's shape
        code: Any,
        client: Any,
        request: Any,
        *_args: Any,
        **_kwargs: Any,
    ) -> bool:
        """Spent by being looked at: what fails after this is not tried again."""
        spent = spend_code(code=code, client_id=client.pk, at=timezone.now())
        if spent is None:
            return False
        setattr(request, _SPENT, spent)
        request.scopes = spent.scope.split()
        request.user = None
        return True

    def get_code_challenge(self, code: Any, request: Any) -> str:  # noqa: ARG002  # the library's shape
        return _spent_by(request).code_challenge

    def get_code_challenge_method(self, code: Any, request: Any) -> str:  # noqa: ARG002  # as above
        return "S256"

    def confirm_redirect_uri(
        self,
        client_id: Any,  # noqa: ARG002  # the library's shape
        code: Any,  # noqa: ARG002  # as above
        redirect_uri: Any,
        client: Any,  # noqa: ARG002  # as above
        request: Any,
        *_args: Any,
        **_kwargs: Any,
    ) -> bool:
        return bool(redirect_uri == _spent_by(request).redirect_uri)

    def invalidate_authorization_code(
        self, client_id: Any, code: Any, request: Any, *_args: Any, **_kwargs: Any
    ) -> None:
        """It was, when it was looked at."""

    def _create_access_token(
        self, expires: Any, request: Any, token: Any, source_refresh_token: Any = None
    ) -> Any:
        made = super()._create_access_token(expires, request, token, source_refresh_token)
        # Not by the request's own name: a form may hold one like it.
        spent = vars(request).get(_SPENT)
        if spent is not None:
            made.consent = token["consent"] = spent.consent
            made.save(update_fields=["consent"])
        return made


def _spent_by(request: Any) -> SpentCode:
    spent: SpentCode = vars(request)[_SPENT]
    return spent
