"""`manage.py check_bank URL`: what a bank's interfaces lack, in words. See docs/for-banks.md."""

import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.management.base import BaseCommand, CommandError

from partners.certification.catalogue import CHAPTERS
from partners.certification.checking import (
    CannotCheck,
    Wishes,
    check_bank,
    write_json,
    write_page,
)
from partners.certification.text import Terminal
from partners.certification.visit import PROTOCOLS

_VARIABLE = "CHECK_BANK_CLIENT_SECRET"
_TEXTS = {
    "--client-id": "who we are to the bank",
    "--client-secret-file": f"a file with the client's secret; or set {_VARIABLE}",
    "--redirect-uri": "registered redirect address (default: the address of --listen)",
    "--authorize-url": "where customers are sent (default: as the bank's own document says)",
    "--token-url": "the token endpoint (default: the same)",
    "--jwks-url": "the bank's public keys (default: the same)",
    "--issuer": "iss of the bank's events (default: the same)",
    "--ca-file": "certificates to trust besides nobody's: for a private authority",
    "--login": "with --levers: the test customer (default: the first)",
    "--json": "write the report as JSON to this file",
    "--html": "write the report as one page to this file",
}


class Command(BaseCommand):
    help = (
        "Check a bank's interfaces against what the portal needs, and say in words what is wrong."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "url", nargs="?", default="", metavar="URL", help="https://api.bank.example"
        )
        for name, text in _TEXTS.items():
            parser.add_argument(name, default="", help=text)
        parser.add_argument(
            "--api",
            default="v4.0",
            choices=tuple(PROTOCOLS),
            help="what the bank speaks: a version of UK Open Banking, or another protocol",
        )
        parser.add_argument("--zone", default="Europe/London", help="where the bank's days begin")
        parser.add_argument(
            "--listen", default="127.0.0.1:8765", help="where the customer comes back"
        )
        parser.add_argument(
            "--events", action="store_true", help="the bank's events come to --listen"
        )
        parser.add_argument(
            "--levers", action="store_true", help="a test bank's levers are the customer"
        )
        parser.add_argument("--timeout", type=float, default=10.0, help="seconds for one answer")
        parser.add_argument(
            "--patience", type=float, default=20.0, help="seconds for a change to show"
        )
        parser.add_argument(
            "--wait", type=float, default=300.0, help="seconds for you at the bank's page"
        )
        parser.add_argument(
            "--burst", type=int, default=0, help="ask so often in a row, to see a 429"
        )
        parser.add_argument(
            "--only", action="append", default=[], metavar="ID", help="these checks alone"
        )
        parser.add_argument(
            "--skip", action="append", default=[], metavar="ID", help="all but these"
        )
        parser.add_argument("--list", action="store_true", help="list the checks and stop")

    def handle(self, *_arguments: Any, **options: Any) -> None:
        if options["list"]:
            self._list()
            return
        terminal = Terminal(
            out=sys.stdout,  # Django's wrapper ends every write as a line
            colours=_is_watched(options),
            live=_is_watched(options),
            verbose=options["verbosity"] > 1,
        )
        try:
            report = check_bank(_wishes(options), terminal, input if sys.stdin.isatty() else None)
        except CannotCheck as why:
            raise CommandError(str(why), returncode=2) from None
        for name, write in (("json", write_json), ("html", write_page)):
            if options[name]:
                write(report, Path(options[name]))
                terminal.say(f"Written: {options[name]}")
        if report.exit_code:
            sys.exit(report.exit_code)

    def _list(self) -> None:
        for chapter in CHAPTERS:
            self.stdout.write(f"\n{chapter.title}")
            for check, _do in chapter.checks:
                self.stdout.write(f"  {check.id:<26}{check.requirement}")


def _is_watched(options: dict[str, Any]) -> bool:
    return sys.stdout.isatty() and not options["no_color"] and not os.environ.get("NO_COLOR")


def _wishes(options: dict[str, Any]) -> Wishes:
    if not options["url"]:
        raise CannotCheck(
            "Which bank? Give its address: manage.py check_bank https://api.bank.example"
        )
    try:
        ZoneInfo(options["zone"])
    except (ZoneInfoNotFoundError, ValueError):
        raise CannotCheck("--zone is a name such as Europe/Rome.") from None
    names = Wishes.__dataclass_fields__
    given = {name: value for name, value in options.items() if name in names}
    return Wishes(**given, client_secret=_secret(options))


def _secret(options: dict[str, Any]) -> str:
    path = options["client_secret_file"]
    if not path:
        return os.environ.get(_VARIABLE, "")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise CannotCheck(f"{path} cannot be read.") from None
