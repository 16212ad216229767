"""Which scopes a client program may ask for: those that it registered."""

from typing import Any

from oauth2_provider.scopes import SettingsScopes

from accounts.clients.rules import scopes_of


class RegisteredScopes(SettingsScopes):  # type: ignore[misc]  # the library has no types
    """A client's feeds are its scopes; one that asks for none in particular gets them all."""

    def get_available_scopes(
        self,
        application: Any = None,
        request: Any = None,  # noqa: ARG002  # the library's shape
        *_args: Any,
        **_kwargs: Any,
    ) -> list[str]:
        registered = [] if application is None else application.feeds
        return scopes_of(registered, known=self.get_all_scopes())

    def get_default_scopes(
        self, application: Any = None, request: Any = None, *_args: Any, **_kwargs: Any
    ) -> list[str]:
        return self.get_available_scopes(application, request)
