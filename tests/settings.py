"""The portal's settings for tests: real PostgreSQL and Valkey, started for the run and gone after it."""

import atexit
import os
from contextlib import ExitStack

from portal.local.setup import BUILT, catalogues
from portal.local.testing import servers

if not BUILT.is_dir() or not all(each.with_suffix(".mo").exists() for each in catalogues()):
    raise RuntimeError("Run `make setup` once: it builds the chat's app and the translations.")
_stack = ExitStack()
atexit.register(_stack.close)
SERVERS = _stack.enter_context(servers(sandbox=True))
_worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
os.environ.update(SERVERS.environ(worker=int(_worker)))
os.environ.setdefault("PORTAL_SECRET_KEY", "for-tests-alone-for-tests-alone-for-tests-alone")
os.environ.setdefault("PORTAL_PUSH_KEY", "test1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE")
os.environ.setdefault("PORTAL_KEYS", "test1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")

os.environ["PROMETHEUS_MULTIPROC_DIR"] = f"{SERVERS.state}/metrics-{os.getpid()}"
os.environ["PORTAL_METRICS_TOKEN"] = "for-tests-alone"

from portal.settings import *  # noqa: E402, F403  # the environment has to be there first
from portal.settings import DATABASES, STATIC_ROOT, TEMPLATES  # noqa: E402

# Made by collectstatic, which tests do without; whitenoise warns where it is missing.
STATIC_ROOT.mkdir(parents=True, exist_ok=True)

# A pool keeps connections past the databases that tests make and drop.
DATABASES["default"]["OPTIONS"].pop("pool", None)
for _database in DATABASES.values():
    _database["CONN_MAX_AGE"] = 0
    _database["TEST"] = {"MIRROR": None}
TEMPLATES[0]["OPTIONS"]["string_if_invalid"] = ""
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
CELERY_TASK_ALWAYS_EAGER = False
PASSWORD_HASHERS = ["tests.hashing.QuickArgon2"]
# Looked for when asked for: each test client would list every file there is.
WHITENOISE_AUTOREFRESH = True
