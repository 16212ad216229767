"""Who may come in when a door does not say: nobody."""

from typing import Any

from rest_framework.permissions import BasePermission


class DenyByDefault(BasePermission):
    """Refuses. A door that is open says so by naming its own permissions."""

    def has_permission(self, request: Any, view: Any) -> bool:  # noqa: ARG002  # the framework's shape
        return False


class SignedIn(BasePermission):
    """Some principal was authenticated; which one the door takes is its authentication class's to say."""

    def has_permission(self, request: Any, view: Any) -> bool:  # noqa: ARG002  # the framework's shape
        return request.auth is not None


class Anybody(BasePermission):
    """Open to all, on purpose: the door checks what it needs by itself."""

    def has_permission(self, request: Any, view: Any) -> bool:  # noqa: ARG002  # the framework's shape
        return True
