"""The portal's settings, read from the environment and checked at start."""

import os
from datetime import timedelta
from pathlib import Path

from portal.environment import (
    ROOT,
    Environment,
    database,
    mail_server,
    push_key,
    read_environment,
    refuse_development,
)

env = Environment(read_environment())

# --- which portal this is -------------------------------------------------------------------
PORTAL_NAME = env.text("PORTAL_NAME", "Sportello")
PORTAL_MODE = env.text("PORTAL_MODE", "development")
DEVELOPMENT = PORTAL_MODE == "development"
PRODUCTION = PORTAL_MODE == "production"
DEBUG = False  # Django's debug pages show settings and rows: never, not even in development
PORTAL_STATE = Path(env.text("PORTAL_STATE"))

PORTAL_BASE_HOST = env.text("PORTAL_BASE_HOST", "portal.localhost")
PORTAL_PORT = env.number("PORTAL_PORT", 8000)
PORTAL_SCHEME = "https" if PRODUCTION else "http"
PORTAL_AUTHORITY = PORTAL_BASE_HOST if PRODUCTION else f"{PORTAL_BASE_HOST}:{PORTAL_PORT}"
PORTAL_ORIGIN = f"{PORTAL_SCHEME}://{PORTAL_AUTHORITY}"
CONSOLE_ORIGIN = f"{PORTAL_SCHEME}://console.{PORTAL_AUTHORITY}"
API_ORIGIN = f"{PORTAL_SCHEME}://api.{PORTAL_AUTHORITY}"
CHAT_ORIGIN = f"{PORTAL_SCHEME}://chat.{PORTAL_AUTHORITY}"

SECRET_KEY = env.text("PORTAL_SECRET_KEY")
PORTAL_KEYS = env.text("PORTAL_KEYS")
ALLOWED_HOSTS = [
    PORTAL_BASE_HOST,
    *(f"{each}.{PORTAL_BASE_HOST}" for each in ("console", "api", "chat")),
]

# --- apps -----------------------------------------------------------------------------------
INSTALLED_APPS = [
    "portal",
    "accounts",
    "partners",
    "messaging",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "oauth2_provider",
    "rest_framework",
    "drf_spectacular",
    "django_htmx",
    "channels",
]
MIDDLEWARE = [
    "portal.middleware.request_identity",
    "portal.middleware.security_headers",
    "django.middleware.security.SecurityMiddleware",
    "portal.middleware.StaticFiles",
    "portal.middleware.route_by_host",
    "portal.middleware.HostSessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "portal.middleware.HostCsrfMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "portal.rest.away.WithoutDatabase",
]
ROOT_URLCONF = "portal.urls"
ASGI_APPLICATION = "portal.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.design.context.portal",
            ],
            "libraries": {"design": "portal.design.tags"},
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- data -----------------------------------------------------------------------------------
_POOL = {
    "min_size": 1,
    "max_size": env.number("PORTAL_DATABASE_POOL", 12),
    # Who waits longer than this for one of them is told to come again (503).
    "timeout": env.number("PORTAL_DATABASE_WAIT_SECONDS", 5),
}
DATABASES = {
    # The runtime role owns nothing and bypasses nothing; row policies hold it.
    "default": database(env.text("DATABASE_URL"), name="runtime", pool=_POOL),
    # Migrations alone.
    "owner": database(env.text("DATABASE_OWNER_URL", ""), name="owner"),
    # Which banks have due work, and nothing else.
    "system": database(env.text("DATABASE_SYSTEM_URL", ""), name="system"),
}
DATABASE_ROUTERS = ["portal.tenancy.routing.OneDatabase"]
TENANCY_REACH_OF_CUSTOMER = "accounts.linking.queries.reach_of_customer"
TENANCY_BANK_IDS = "partners.banks.queries.bank_ids"
PERSONAL_DATA = "portal.personal_data.TABLES"
OUTBOX_SUBSCRIPTIONS = "portal.subscriptions.SUBSCRIPTIONS"
TENANCY_REACH_OF_CONSENT = "accounts.consent.queries.reach_of_consent"

VALKEY_URL = env.text("VALKEY_URL")
CACHES = {
    "default": {
        "BACKEND": "portal.cache.ValkeyCache",
        "LOCATION": VALKEY_URL,
        "KEY_PREFIX": "portal",
        # One that hangs is as good as one that is gone.
        "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 1},
    }
}

# --- tasks: wake-ups for rows; anything here may be lost and costs only latency ------------------
CELERY_BROKER_URL = env.text("CELERY_BROKER_URL")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 120
CELERY_TASK_SOFT_TIME_LIMIT = 90
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 300,
    "socket_timeout": None,
    "socket_connect_timeout": 2,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_max": 0.1}

# --- sign-in --------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.Person"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{each}"}
    for each in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_ADAPTER = "accounts.signin.adapter.PortalAdapter"
MFA_ADAPTER = "accounts.signin.adapter.PortalMFAAdapter"
ACCOUNT_DEFAULT_HTTP_PROTOCOL = PORTAL_SCHEME
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
# A bank's desk: signed in until the browser is closed, twelve hours at most.
ACCOUNT_SESSION_REMEMBER = False
# Who chose a password by the mail's link goes on to the second factor.
ACCOUNT_LOGIN_ON_PASSWORD_RESET = True
ACCOUNT_FORMS = {
    "login": "accounts.signin.forms.SignInForm",
    "reset_password": "accounts.signin.forms.ResetForm",
    "reset_password_from_key": "accounts.signin.forms.NewPasswordForm",
    "change_password": "accounts.signin.forms.ChangePasswordForm",
    "reauthenticate": "accounts.signin.forms.ConfirmForm",
}
MFA_FORMS = {
    "authenticate": "accounts.signin.forms.CodeForm",
    "reauthenticate": "accounts.signin.forms.ConfirmByCodeForm",
    "activate_totp": "accounts.signin.forms.SetUpForm",
}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = PORTAL_NAME
MFA_TOTP_TOLERANCE = (
    1  # a clock half a minute off, or a code typed as it changes (RFC 6238, section 5.2)
)
LOGIN_URL = "/sign-in/login/"
LOGIN_REDIRECT_URL = "/"
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_AGE = 12 * 3600
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SECURE = PRODUCTION
CSRF_TRUSTED_ORIGINS = [CONSOLE_ORIGIN, CHAT_ORIGIN, PORTAL_ORIGIN]
# The start page of a development portal shows the console in a frame; in production nothing does.
FRAME_ANCESTORS = PORTAL_ORIGIN if DEVELOPMENT else "'none'"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = PRODUCTION
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PRODUCTION else None
# Production has to name its mail server; elsewhere mails are files until `make run` gives them a mailbox.
_MAIL = mail_server(
    env.text("EMAIL_URL", None if PRODUCTION else (PORTAL_STATE.absolute() / "mail").as_uri())
    or "smtp://missing"
)
EMAIL_BACKEND = _MAIL["BACKEND"]
EMAIL_FILE_PATH = _MAIL.get("FILE_PATH")
EMAIL_HOST = _MAIL.get("HOST", "127.0.0.1")
EMAIL_PORT = _MAIL.get("PORT", 0)
EMAIL_HOST_USER = _MAIL.get("HOST_USER", "")
EMAIL_HOST_PASSWORD = _MAIL.get("HOST_PASSWORD", "")
EMAIL_USE_SSL = _MAIL.get("USE_SSL", False)
EMAIL_USE_TLS = _MAIL.get("USE_TLS", False)
# For each step of a mail's way; a handful of them, and the task that sends it has an end.
EMAIL_TIMEOUT = 8
DEFAULT_FROM_EMAIL = env.text("PORTAL_MAIL_FROM", f"no-reply@{PORTAL_BASE_HOST}")

# --- client programs ------------------------------------------------------------------------
OAUTH2_PROVIDER_APPLICATION_MODEL = "accounts.Client"
OAUTH2_PROVIDER_ACCESS_TOKEN_MODEL = "accounts.AccessToken"  # noqa: S105  # a model's name
OAUTH2_PROVIDER_REFRESH_TOKEN_MODEL = "accounts.RefreshToken"  # noqa: S105  # a model's name
OAUTH2_PROVIDER_GRANT_MODEL = "accounts.Grant"
OAUTH2_PROVIDER_ID_TOKEN_MODEL = "accounts.IDToken"  # noqa: S105  # a model's name
OAUTH2_PROVIDER = {
    "ACCESS_TOKEN_EXPIRE_SECONDS": 600,
    "AUTHORIZATION_CODE_EXPIRE_SECONDS": 60,
    "PKCE_REQUIRED": True,
    "ROTATE_REFRESH_TOKEN": True,
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https"] if PRODUCTION else ["https", "http"],
    "SCOPES": {
        "balances": "Balances",
        "transactions": "Transactions",
        "receipts": "Receipts",
        "shipments": "Shipping updates",
    },
    "SCOPES_BACKEND_CLASS": "accounts.clients.scopes.RegisteredScopes",
    "OAUTH2_SERVER_CLASS": "accounts.clients.server.TokenServer",
    "OAUTH2_VALIDATOR_CLASS": "accounts.clients.validator.ClientValidator",
    # RFC 9700: every gate; tokens are kept as their hash alone.
    **{
        f"COMPLIANT_BCP_RFC9700_{gate}": True
        for gate in (
            "IMPLICIT_GRANT",
            "PASSWORD_GRANT",
            "PKCE_METHOD",
            "PKCE_REQUIRED",
            "ACCESS_TOKEN_TRANSPORT",
            "AUTHZ_RESPONSE_ISS",
            "TOKEN_STORAGE",
            "REFRESH_TOKEN",
            "REDIRECT_URI_SCHEME",
            "REDIRECT_URI_MATCHING",
        )
    },
}

# --- the API --------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["portal.rest.parsing.StrictJSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["portal.rest.permissions.DenyByDefault"],
    "EXCEPTION_HANDLER": "portal.rest.problems.answer_problem",
    "DEFAULT_SCHEMA_CLASS": "portal.rest.schema.DoorSchema",
    # OPTIONS would tell of our classes; what a door takes is in the OpenAPI file.
    "DEFAULT_METADATA_CLASS": None,
    # `format` in an address is a name like any other that we do not know.
    "URL_FORMAT_OVERRIDE": None,
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": f"{PORTAL_NAME} API",
    "DESCRIPTION": "Reads a customer's bank data within their live consent, and tells of what changes.",
    "VERSION": "1.1.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        # What is published of the log is served by plain views.
        "accounts.disclosure.described.add_published",
    ],
    "ENUM_NAME_OVERRIDES": {
        "PublicEventType": "messaging.programs.public.TYPE_NAMES",
        "ShipmentStatusEnum": "partners.purchases.models.ShipmentStatus",
        "TransactionStatusEnum": "partners.ledger.models.Entry.Status",
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
MESSAGE_MAX_CHARACTERS = 4000
WIDGET_SESSION_AGE = timedelta(minutes=10)
WINDOW_CODE_AGE = timedelta(seconds=60)
REALTIME_TICKET_AGE = timedelta(seconds=30)
REALTIME_HEARTBEAT = timedelta(seconds=env.number("PORTAL_HEARTBEAT_SECONDS", 15))
WEBHOOK_TIMEOUT_SECONDS = env.number("PORTAL_WEBHOOK_TIMEOUT_SECONDS", 15)
# How many workers send at once, each to many addresses; the others are left for banks' work.
WEBHOOK_SENDERS = env.number("PORTAL_WEBHOOK_SENDERS", 1)
# Whether addresses that somebody gave us may lie on this very machine, over http and on any port.
CALLS_TO_LOOPBACK = (
    env.choice("PORTAL_CALLS_TO_LOOPBACK", ("yes", "no"), "no" if PRODUCTION else "yes") == "yes"
)
# Whether the demonstration may rewrite a record behind the portal's back, to show that it is found out.
TAMPERING = env.choice("PORTAL_TAMPERING", ("yes", "no"), "yes" if DEVELOPMENT else "no") == "yes"
# How many times what is usual everybody may ask, at every door: for tests that ask without a pause.
LIMIT_FACTOR = env.number("PORTAL_LIMIT_FACTOR", 1)
# What a bank is told that must know from where it is asked, where no customer of its own is there.
OUR_IP = env.text("PORTAL_OUR_IP", "127.0.0.1")
# Authorities that banks' certificates may stand on beside the public ones: a PEM file; empty: none.
BANKS_CA_FILE = env.text("PORTAL_BANKS_CA_FILE", "")
BANK_TIMEOUT_SECONDS = env.number("PORTAL_BANK_TIMEOUT_SECONDS", 10)
# A balance that was read longer ago than this is read anew when a customer asks for it.
BALANCES_GOOD_FOR = timedelta(seconds=env.number("PORTAL_BALANCES_GOOD_FOR_SECONDS", 10))
# Statement files: where they lie sealed until they are read, how large one may be, how many are read at once,
# and the folder in which banks drop them, each in one of its own name.
IMPORT_FOLDER = Path(env.text("PORTAL_IMPORT_FOLDER", str(PORTAL_STATE / "imports")))
IMPORT_LIMIT = env.number("PORTAL_IMPORT_MEGABYTES", 512) * 1_000_000
IMPORT_READERS = env.number("PORTAL_IMPORT_READERS", 1)
DROP_FOLDER = Path(env.text("PORTAL_DROP_FOLDER", str(PORTAL_STATE / "drop")))
# How often each feed is read when the bank says nothing: finds what notifications missed.
SWEEP_INTERVAL = timedelta(seconds=env.number("PORTAL_SWEEP_SECONDS", 900 if PRODUCTION else 60))

# How long a fraud alert waits to be seen in the chat before it goes out by mail.
NOTICE_AFTER = timedelta(seconds=env.number("PORTAL_NOTICE_SECONDS", 20))
# Where a browser was notified first, how much longer the mail waits for it to be seen.
NOTICE_MAIL_AFTER_PUSH = timedelta(seconds=env.number("PORTAL_MAIL_AFTER_PUSH_SECONDS", 40))
# What pushes to browsers are signed with; without it none is offered.
PUSH_KEY = push_key(env.text("PORTAL_PUSH_KEY", ""))

# --- words, times, files ----------------------------------------------------------------------
LANGUAGE_CODE = "en"
# Of the pages: one that is half translated reads worse than one that is not. The chat and its cards
# follow the customer's own language, which has to be complete in messaging/locale.
LANGUAGES = [("en", "English")]
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = ["portal.design.formats"]
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = PORTAL_STATE / "static"
# Rooms keep their own files; Django by itself looks in the apps alone.
STATICFILES_DIRS = [
    ROOT / room / "static"
    for room in (
        "portal/design",
        "portal/local",
        "partners/imports",
        "partners/records",
        "messaging/widget",
        "messaging/notices",
    )
]
# Written by `collectstatic`; the server warns where it is missing.
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not PRODUCTION
# An edited style shows when the page is loaded again; else it is cut to the length that it had.
WHITENOISE_AUTOREFRESH = DEVELOPMENT

# --- telemetry ----------------------------------------------------------------------------------
LOG_FORMAT = env.choice("PORTAL_LOG_FORMAT", ("line", "json"), "json" if PRODUCTION else "line")
# Where spans are sent (OTLP over HTTP); nowhere when empty.
OTLP_ENDPOINT = env.text("OTEL_EXPORTER_OTLP_ENDPOINT", "")
# Who may read /metrics: whoever sends this as a bearer token. Empty: nobody.
METRICS_TOKEN = env.text("PORTAL_METRICS_TOKEN", "")
# The library asks for this when it is first imported: what this process counts is kept there.
METRICS_FOLDER = Path(
    os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(PORTAL_STATE / "metrics"))
)
METRICS_FOLDER.mkdir(parents=True, exist_ok=True)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"},
        "json": {"()": "portal.telemetry.logs.JsonLine"},
    },
    "filters": {
        "ids": {"()": "portal.telemetry.logs.WithIds"},
        "not_a_tick": {"()": "portal.telemetry.logs.NotATick"},
        "refusal": {"()": "portal.telemetry.logs.RefusalInOneLine"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT,
            "filters": ["ids", "not_a_tick", "refusal"],
        }
    },
    "root": {"handlers": ["stderr"], "level": env.text("PORTAL_LOG_LEVEL", "INFO")},
    "loggers": {
        "django.server": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        # A line for every wake-up would bury what matters; failures are warnings and more.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        "faker": {"level": "WARNING"},
    },
}

env.require()
if PRODUCTION:
    refuse_development(env.given)
