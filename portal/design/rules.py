"""How amounts, names and plots are written: no Django, no clock."""

from collections.abc import Sequence

from portal.rest.money import exponent_of

SIGNS = {"EUR": "€", "GBP": "£"}
# The first mark that is found counts: browsers also name those that they descend from.
BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
MINUS, NARROW_SPACE, HARD_SPACE = "\u2212", "\u202f", "\u00a0"


def grouped(digits: str, mark: str) -> str:
    head = len(digits) % 3 or 3
    return mark.join([digits[:head], *(digits[at : at + 3] for at in range(head, len(digits), 3))])


def money_words(
    amount_minor: int,
    currency: str,
    *,
    decimal_mark: str,
    thousands_mark: str,
    symbol_first: bool,
    with_plus: bool = False,
) -> str:
    """Write signed minor units as people read them: `£1,234.50`, `1.234,50 €`, `CHF 12.00`."""
    places = exponent_of(currency)
    whole, part = divmod(abs(amount_minor), 10**places)
    number = grouped(str(whole), thousands_mark or NARROW_SPACE)
    if places:
        number += f"{decimal_mark}{part:0{places}d}"
    sign = MINUS if amount_minor < 0 else "+" if with_plus and amount_minor > 0 else ""
    symbol = SIGNS.get(currency)
    if symbol_first:
        return f"{sign}{symbol}{number}" if symbol else f"{currency}{HARD_SPACE}{sign}{number}"
    return f"{sign}{number}{HARD_SPACE}{symbol or currency}"


def initials_of(name: str) -> str:
    """First letters of the first and last word; a bullet when there are none."""
    words = [word for word in name.split() if word[0].isalnum()]
    if not words:
        return "\u2022"
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


def browser_words(user_agent: str) -> str:
    """`Firefox on Windows` for a User-Agent header; its first word where we know neither."""
    named = [
        next((name for mark, name in known if mark in user_agent), "")
        for known in (BROWSERS, SYSTEMS)
    ]
    return " on ".join(filter(None, named)) or user_agent.partition("/")[0][:40] or "\u2014"


def bar_heights(counts: Sequence[int], *, tall: int) -> list[int]:
    """Heights from 0 to `tall`; what is not zero can be seen."""
    top = max(counts, default=0)
    if top <= 0:
        return [0 for _ in counts]
    return [max(2, count * tall // top) if count > 0 else 0 for count in counts]
