"""Reading the forms of a page, as a browser would."""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from html.parser import HTMLParser

from benchmarks.main_job.records import Money, Rule

_NUMBER = r"[0-9][0-9.,\u00a0\u202f' ]*[0-9]|[0-9]"
_UNIT = r"[€£]|\b[A-Z]{3}\b"
_MONEY = re.compile(
    rf"(?P<before>{_UNIT})\s?(?P<after>{_NUMBER})|(?P<number>{_NUMBER})\s?(?P<unit>{_UNIT})"
)
_SYMBOLS = {"€": "EUR", "£": "GBP"}
# Alert types that mean nothing without an amount.
_WITH_AMOUNT = {"large_payment", "low_balance"}


@dataclass
class Field:
    """An input, and the words of the label around it."""

    name: str
    value: str
    kind: str
    words: str = ""


@dataclass
class Page(HTMLParser):
    """All inputs of a page in their order."""

    fields: list[Field] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._labelled: list[Field] | None = None

    @classmethod
    def read(cls, html: str) -> "Page":
        page = cls()
        page.feed(html)
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "label":
            self._labelled = []
        if tag == "input":
            found = Field(given.get("name", ""), given.get("value", ""), given.get("type", "text"))
            self.fields.append(found)
            if self._labelled is not None:
                self._labelled.append(found)

    def handle_endtag(self, tag: str) -> None:
        if tag == "label":
            self._labelled = None

    def handle_data(self, data: str) -> None:
        for each in self._labelled or ():
            each.words += data

    def values(self, name: str) -> list[str]:
        return [each.value for each in self.fields if each.name == name]

    def value(self, name: str) -> str:
        """The first value of that name. Raises LookupError where the page has none."""
        return self.values(name)[0]


def rules_on(page: Page) -> dict[str, Rule]:
    """The alert types that a bank offers its customers, with the amounts that the page names."""
    rules = {}
    for each in page.fields:
        if each.name == "alert_types":
            over = money_in(each.words) if each.value in _WITH_AMOUNT else None
            rules[each.value] = Rule(each.value, over)
    return rules


def money_in(words: str) -> Money:
    """The amount that a sentence names, as people write it. Raises LookupError where there is none."""
    found = _MONEY.search(words)
    if found is None:
        raise LookupError(f"no amount in {words!r}")
    unit, number = found["before"] or found["unit"], found["after"] or found["number"]
    whole, _mark, part = number, "", ""
    if len(number) > 2 and number[-3] in ".,":
        whole, part = number[:-3], number[-2:]
    digits = "".join(mark for mark in whole if mark.isdigit())
    return Money(Decimal(f"{digits}.{part or 0}"), _SYMBOLS.get(unit, unit))
