"""What the page of retention accepts: days, for each kind and purpose."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from partners.retention.rules import LIMITS


class RetentionForm(forms.Form):
    """`offered`: each kind and purpose with the days that hold now."""

    def __init__(
        self, *args: Any, offered: Iterable[tuple[str, str, int]], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._offered = {f"{kind}:{purpose}": (kind, purpose) for kind, purpose, _d in offered}
        for kind, purpose, days in offered:
            limits = LIMITS[kind]
            self.fields[f"{kind}:{purpose}"] = forms.IntegerField(
                min_value=limits.least,
                max_value=limits.most,
                initial=days,
                error_messages={
                    "required": _("A number of days."),
                    "invalid": _("A number of days."),
                    "min_value": _("At least %(limit_value)s."),
                    "max_value": _("At most %(limit_value)s."),
                },
            )

    def chosen(self) -> list[tuple[str, str, int]]:
        """Kind, purpose and days of each that is not as it was."""
        return [(*self._offered[name], self.cleaned_data[name]) for name in self.changed_data]
