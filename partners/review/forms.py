"""What a decision names."""

from django import forms

PAIR, CONFLICT = "pair", "conflict"
YES, NO = "yes", "no"


class DecisionForm(forms.Form):
    """`decision` yes: one payment, or the bank's new version; no: two payments, or ours."""

    kind = forms.ChoiceField(choices=[(PAIR, PAIR), (CONFLICT, CONFLICT)])
    id = forms.UUIDField()
    decision = forms.ChoiceField(choices=[(YES, YES), (NO, NO)])


class WantedForm(forms.Form):
    """Which list: pairs or contradictions, to be decided or decided."""

    kind = forms.ChoiceField(choices=[(PAIR, PAIR), (CONFLICT, CONFLICT)], required=False)
    decided = forms.BooleanField(required=False)
