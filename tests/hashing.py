"""Passwords and secrets of tests: Argon2 as everywhere, at the least that it can cost."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class QuickArgon2(Argon2PasswordHasher):
    """A tenth of a second for each made-up password was a quarter of a test run."""

    time_cost = 1
    memory_cost = 8
    parallelism = 1
