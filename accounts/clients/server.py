"""The two ways in which the OAuth library gives tokens here; it has more, and each would be a door."""

from typing import Any

from oauthlib.oauth2 import (
    AuthorizationCodeGrant,
    BearerToken,
    ClientCredentialsGrant,
    TokenEndpoint,
)


class TokenServer(TokenEndpoint):  # type: ignore[misc]  # the library has no types
    """Client credentials, and a customer's code. Neither gives a refresh token: a program has its secret."""

    def __init__(
        self,
        request_validator: Any,
        token_expires_in: Any = None,
        token_generator: Any = None,
        refresh_token_generator: Any = None,
        **_kwargs: Any,
    ) -> None:
        token = BearerToken(
            request_validator, token_generator, token_expires_in, refresh_token_generator
        )
        super().__init__(
            default_grant_type="client_credentials",
            default_token_type=token,
            grant_types={
                "client_credentials": ClientCredentialsGrant(request_validator),
                "authorization_code": AuthorizationCodeGrant(
                    request_validator, refresh_token=False
                ),
            },
        )
