"""Asking somebody in by mail: the way to a first password is the way to a new one."""

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.core.mail import send_mail
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.people.models import Person


def send_invitation(request: HttpRequest, *, person: Person, place: str) -> None:
    """A mail with a link to choose a password; who has one already is told of the new place alone."""
    url = request.build_absolute_uri("/")
    if not person.has_usable_password():
        key = f"{user_pk_to_url_str(person)}-{default_token_generator.make_token(person)}"
        path = reverse("account_reset_password_from_key", args=key.split("-", 1))
        url = request.build_absolute_uri(path)
    words = {
        "name": person.display_name,
        "place": place,
        "url": url,
        "portal": settings.PORTAL_NAME,
    }
    send_mail(
        subject=_("You are invited to %(place)s") % {"place": place},
        message=render_to_string("accounts/signin/invitation.txt", words),
        from_email=None,
        recipient_list=[person.email],
    )
