"""In which language somebody is spoken to whom we do not know yet."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation.trans_real import parse_accept_lang_header

# Those in which the chat and the customers' pages are whole.
SPOKEN = ("en", "it", "es")

Rest = ParamSpec("Rest")
View = Callable[Concatenate[HttpRequest, Rest], HttpResponseBase]


def readers_language(request: HttpRequest, otherwise: str = "en") -> str:
    """The first of the reader's languages that we speak, else `otherwise`."""
    for language, _weight in parse_accept_lang_header(request.headers.get("Accept-Language", "")):
        if language[:2] in SPOKEN:
            return language[:2]
    return otherwise


def in_readers_language(view: View[Rest]) -> View[Rest]:
    """Let a view speak as its reader's browser does."""

    @wraps(view)
    def spoken(
        request: HttpRequest, /, *args: Rest.args, **kwargs: Rest.kwargs
    ) -> HttpResponseBase:
        with translation.override(readers_language(request)):
            answered = view(request, *args, **kwargs)
        patch_vary_headers(answered, ["Accept-Language"])
        return answered

    return spoken
