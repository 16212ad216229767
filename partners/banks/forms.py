"""What the bank's own pages accept."""

from django import forms
from django.utils.translation import gettext_lazy as _

from partners.banks.models import Bank, Staff


class InvitationForm(forms.Form):
    email = forms.EmailField(label=_("E-mail"), max_length=254)
    display_name = forms.CharField(label=_("Name"), max_length=200)
    # The least first: nobody becomes an owner by a press of Enter.
    role = forms.ChoiceField(
        label=_("Role"), choices=Staff.Role.choices, initial=Staff.Role.AUDITOR
    )


class MemberForm(forms.Form):
    role = forms.ChoiceField(choices=Staff.Role.choices, required=False)
    leave = forms.BooleanField(required=False)


class BankStatusForm(forms.Form):
    status = forms.ChoiceField(choices=Bank.Status.choices)
