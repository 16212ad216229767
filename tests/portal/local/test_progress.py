import time
from io import StringIO

import pytest

from portal.local.progress import Progress


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


class Closed(StringIO):
    def write(self, _text: str) -> int:
        raise BrokenPipeError


def test_without_a_terminal_it_prints_plain_lines() -> None:
    out = StringIO()

    with Progress(out).step("Installing") as step:
        step.update(1, 2)

    assert out.getvalue().splitlines()[0] == "Installing ..."
    assert "\x1b" not in out.getvalue()


def test_on_a_terminal_it_counts_seconds_and_draws_a_bar() -> None:
    out = Terminal()

    with Progress(out).step("Installing") as step:
        step.update(3, 6, "django")
        time.sleep(0.3)

    assert "Installing [############............] 3/6 0 s  django" in out.getvalue()
    assert out.getvalue().endswith("Installing: done (0.3 s)\n")


def test_a_step_that_raises_is_said_to_have_failed() -> None:
    out = StringIO()

    with pytest.raises(ZeroDivisionError), Progress(out).step("Building"):
        raise ZeroDivisionError

    assert "Building: failed" in out.getvalue()


def test_nobody_listening_stops_nothing() -> None:
    with Progress(Closed()).step("Stopping") as step:
        step.summary = "gone"

    assert step.over.is_set()
