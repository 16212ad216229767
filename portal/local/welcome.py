"""What is said once everything runs: where to go, as whom, and three lines to paste."""

from collections.abc import Iterable, Mapping
from typing import Any

from portal.local.installation import SANDBOX_SLUGS
from portal.local.state import State, read_json


def welcome(state: State, environ: Mapping[str, str]) -> Iterable[str]:
    """The ready message. Sign-ins come from `demo.json`, which the demonstration's seed writes."""
    origin = f"{environ['PORTAL_BASE_HOST']}:{environ['PORTAL_PORT']}"
    yield ""
    yield f"  Start here   http://{origin}/"
    yield f"  Console      http://console.{origin}/"
    yield f"  API          http://api.{origin}/api/v1/"
    for place, slug in enumerate(SANDBOX_SLUGS):
        title = "Banks" if place == 0 else ""
        yield f"  {title:<12} http://{slug}-bank.localhost:{int(environ['SANDBOX_PORT']) + place}/"
    yield from _demo(read_json(state.folder / "demo.json"))
    yield ""
    yield f"  Logs in {state.log}. Ctrl-C stops everything."
    yield ""


def _demo(demo: Mapping[str, Any]) -> Iterable[str]:
    sign_ins = demo.get("sign_ins") or []
    if sign_ins:
        yield ""
        yield "  Sign-ins (invented people)"
    wide = max((len(entry["title"]) for entry in sign_ins), default=0)
    place = ""
    for entry in sign_ins:
        if entry.get("url", "") != place:
            place = entry.get("url", "")
            yield f"    at {place}"
        yield f"      {entry['title']:<{wide}}  {entry['login']} / {entry['password']}"
        if entry.get("note"):
            yield f"      {'':<{wide}}  {entry['note']}"
    if demo.get("curl"):
        yield ""
        yield "  Try the API"
    for line in demo.get("curl") or []:
        yield f"    {line}"
    if not demo:
        yield ""
        yield "  No demonstration data yet: `manage.py seed_demo` writes it."
