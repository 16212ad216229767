"""Run one sandbox bank: `python -m partners.sandbox`. `--help` lists the environment it reads."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Iterator

import uvicorn

from partners.sandbox.app import make_app
from partners.sandbox.settings import VARIABLES, SettingsError, read_settings

_WRONG_SETTINGS = 2


class _Server(uvicorn.Server):
    """uvicorn without its habit of dying by the signal it was stopped with: a clean stop exits 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT end the serving; a second one hurries."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def main() -> int:
    """Serve until told to stop; gives the exit code."""
    _arguments().parse_args()
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stdout,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    for noisy in ("httpx", "httpcore", "uvicorn", "psycopg.pool"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        settings = read_settings(os.environ)
    except SettingsError as problem:
        sys.stderr.write(f"sandbox: {problem}\n")
        return _WRONG_SETTINGS
    config = uvicorn.Config(
        make_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
        lifespan="on",
    )
    server = _Server(config)
    asyncio.run(server.serve())
    return 0 if server.started else 1


def _arguments() -> argparse.ArgumentParser:
    lines = [
        f"  {name:<30} {meaning}" + (f" [{default}]" if default else "")
        for name, (default, meaning) in VARIABLES.items()
    ]
    return argparse.ArgumentParser(
        prog="python -m partners.sandbox",
        description="An invented bank: open banking, cards that can be frozen, pages, levers.",
        epilog="environment:\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


if __name__ == "__main__":
    sys.exit(main())
