"""`python -m partners.certification URL ...`: `manage.py check_bank` where no portal is set up to run.

The settings want servers to be named; the check speaks to none of them.
"""

import os
import sys

_NO_SERVERS = {
    "PORTAL_MODE": "development",
    "DATABASE_URL": "postgresql://nobody@127.0.0.1/nothing",
    "DATABASE_OWNER_URL": "postgresql://nobody@127.0.0.1/nothing",
    "DATABASE_SYSTEM_URL": "postgresql://nobody@127.0.0.1/nothing",
    "VALKEY_URL": "redis://127.0.0.1/0",
    "CELERY_BROKER_URL": "redis://127.0.0.1/1",
    "PORTAL_SECRET_KEY": "nothing is signed here",
    "PORTAL_KEYS": "none1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "DJANGO_SETTINGS_MODULE": "portal.settings",
}


def main() -> None:
    for name, value in _NO_SERVERS.items():
        os.environ.setdefault(name, value)
    from django.core.management import execute_from_command_line  # noqa: PLC0415  # settings first

    execute_from_command_line(["check_bank", "check_bank", *sys.argv[1:]])


if __name__ == "__main__":
    main()
