"""The token pairs that carry text or edges read at WCAG 2.2 AA, light and dark."""

import re
from pathlib import Path

import pytest

TOKENS = Path(__file__).parents[3] / "portal/design/static/design/tokens.css"
PAIR = re.compile(r"--([a-z0-9-]+):\s*light-dark\(\s*#([0-9a-f]{6})\s*,\s*#([0-9a-f]{6})\s*\)")
GROUNDS = ("canvas", "sunken", "surface", "raised", "hover")
INKS = ("ink", "ink-soft", "ink-faint", "accent", "danger", "good", "warn", "info", "brass")
FILLS = ("accent", "brass", "good", "warn", "danger", "info")
TEXT_MINIMUM, EDGE_MINIMUM = 4.5, 3.0


def colours(theme: str) -> dict[str, str]:
    """Each colour token as six hex digits, in one theme. The first definition is the ordinary one."""
    found: dict[str, str] = {}
    for name, light, dark in PAIR.findall(TOKENS.read_text(encoding="utf-8")):
        found.setdefault(name, light if theme == "light" else dark)
    return found


def luminance(colour: str) -> float:
    """Relative luminance of sRGB hex digits, as WCAG 2.2 defines it."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


TEXT_PAIRS = [(ink, ground) for ink in INKS for ground in GROUNDS]
TEXT_PAIRS += [(f"on-{fill}", fill) for fill in FILLS]
TEXT_PAIRS += [(f"on-{fill}-soft", f"{fill}-soft") for fill in FILLS]
TEXT_PAIRS += [("on-accent", "accent-strong"), ("on-danger", "danger-strong")]
TEXT_PAIRS += [(ink, f"{fill}-soft") for ink in ("ink", "ink-soft") for fill in FILLS]
EDGE_PAIRS = [(edge, ground) for edge in ("line-strong", "focus") for ground in GROUNDS]


def test_contrast_of_black_on_white_is_twenty_one() -> None:
    assert round(contrast("000000", "ffffff"), 2) == 21.0
    assert round(contrast("777777", "ffffff"), 2) == 4.48


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXT_PAIRS)
def test_text_reads_on_its_ground(text: str, ground: str, theme: str) -> None:
    found = colours(theme)

    assert contrast(found[text], found[ground]) >= TEXT_MINIMUM


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("edge", "ground"), EDGE_PAIRS)
def test_edge_of_a_control_is_seen(edge: str, ground: str, theme: str) -> None:
    found = colours(theme)

    assert contrast(found[edge], found[ground]) >= EDGE_MINIMUM
