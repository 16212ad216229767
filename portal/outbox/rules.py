"""When a delivery that failed is tried again."""

from datetime import timedelta

# Handlers write to our own database: what fails once is mostly a lock or a restart.
_FIRST = timedelta(seconds=1)
_LONGEST = timedelta(minutes=15)
ATTEMPTS_BEFORE_DEAD = 25


def wait_after(attempts: int) -> timedelta:
    """How long to wait after the given number of failed attempts (1 or more): doubling to 15 minutes."""
    doublings = min(attempts - 1, 20)
    return min(_FIRST * (1 << doublings), _LONGEST)


def is_dead(attempts: int) -> bool:
    """Whether it is given up, so that the events behind it in its key can pass."""
    return attempts >= ATTEMPTS_BEFORE_DEAD
