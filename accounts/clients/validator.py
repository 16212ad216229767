"""How the OAuth library checks clients and tokens, where ours is stricter."""

from typing import Any

from oauth2_provider.oauth2_validators import OAuth2Validator

from accounts.clients.rules import is_plain


class ClientValidator(OAuth2Validator):  # type: ignore[misc]  # the library has no types
    """Looks up no client by a name that none can have."""

    def _load_application(self, client_id: Any, request: Any) -> Any:
        return super()._load_application(client_id, request) if is_plain(client_id) else None
