"""What a member of the bank's staff can say."""

from django import forms
from django.utils.translation import gettext_lazy as _

from messaging.conversations.rules import LONGEST_TEXT


class ReplyForm(forms.Form):
    """`client_msg_id` is made with the page, so that a reply that is sent twice is said once."""

    text = forms.CharField(
        label=_("Your answer"),
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    client_msg_id = forms.UUIDField(widget=forms.HiddenInput)
