"""Reading the forms of a page, as a browser would."""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from html.parser import HTMLParser

from benchmarks.main_job.records import Money, Rule

_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?) ([A-Z]{3})")


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
            amount = _AMOUNT.search(each.words)
            over = Money(Decimal(amount[1]), amount[2]) if amount else None
            rules[each.value] = Rule(each.value, over)
    return rules
