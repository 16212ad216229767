"""Looks at a page as people do who cannot see it, or have no mouse: axe-core, and the Tab key alone."""

import os
from functools import cache
from typing import Any

from playwright.sync_api import Page

from tests.journeys.stack import ROOT

AXE = ROOT / "node_modules/axe-core/axe.min.js"
# What Tab has to come to, one by one: of radio buttons with one name it comes to one.
_STOPS = """() => {
    const shown = (it) => it.checkVisibility({ visibilityProperty: true }) && !it.closest("[inert]");
    const within = document.querySelector("dialog[open]") ?? document;
    const every = [...within.querySelectorAll(
        "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']"
    )].filter((it) => !it.disabled && it.tabIndex >= 0 && shown(it));
    const named = new Set();
    return every.filter((it) => {
        if (it.type !== "radio") return true;
        const first = !named.has(it.name);
        named.add(it.name);
        return first;
    }).length;
}"""
_HERE = """() => {
    const it = document.activeElement;
    if (!it || it === document.body) return null;
    window.__stops ??= new Map();
    if (!window.__stops.has(it)) window.__stops.set(it, window.__stops.size);
    const look = getComputedStyle(it);
    const ring = (each) => {
        const seen = getComputedStyle(each);
        return (seen.outlineStyle !== "none" && parseFloat(seen.outlineWidth) > 0) || seen.boxShadow !== "none";
    };
    return [window.__stops.get(it), ring(it) || ring(it.closest("label") ?? it), it.outerHTML.slice(0, 120)];
}"""


@cache
def _axe() -> str:
    return AXE.read_text()


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong, each with the first place where it is."""
    page.evaluate(_axe())
    found: list[dict[str, Any]] = page.evaluate("async () => (await axe.run()).violations")
    return [f"{it['id']}: {it['help']}: {it['nodes'][0]['html'][:160]}" for it in found]


def wrong_by_keyboard(page: Page) -> list[str]:
    """What Tab does not come to, and where the focus cannot be seen."""
    page.evaluate("() => { document.activeElement?.blur(); window.__stops = new Map(); }")
    wanted: int = page.evaluate(_STOPS)
    visited: set[int] = set()
    unseen: list[str] = []
    # A date is entered in four places.
    more = 3 * page.locator("input[type=date]").count()
    for _press in range(wanted + 3 + more):
        page.keyboard.press("Tab")
        here = page.evaluate(_HERE)
        if here is None or here[0] in visited:
            continue
        visited.add(here[0])
        if not here[1]:
            unseen.append(f"focus is not seen: {here[2]}")
    missed = [f"Tab comes to {len(visited)} of {wanted}"] if len(visited) < wanted else []
    return [*missed, *unseen]


def keep_picture(page: Page, name: str) -> None:
    """A picture of the whole page, where somebody wants to look at them."""
    folder = os.environ.get("PORTAL_PICTURES")
    if folder:
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)
