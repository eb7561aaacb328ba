"""One settings file, driven by the environment. docs/settings.md lists every variable; a test keeps the two equal."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

from observability.env import env_bool, env_database, env_int, env_list, env_secret, env_text, env_url

BASE_DIR = Path(__file__).parent.parent
TESTING = "pytest" in sys.modules

DEBUG = env_bool("DEBUG", default=False)
TAILWATCH_HOME = Path(env_text("TAILWATCH_HOME") or BASE_DIR / ".tailwatch").resolve()
# Commands that need no secret (check, makemigrations, up) still start; whatever serves or signs gets its key from `up` or the operator.
KEYLESS_COMMANDS = {"up", "doctor", "check", "makemigrations", "gameday", "help"}
KEYLESS = TESTING or "mypy" in sys.modules or DEBUG or bool(KEYLESS_COMMANDS & set(sys.argv[1:2]))
SECRET_KEY = env_secret("SECRET_KEY", default="keyless-commands-sign-nothing" * 2 if KEYLESS else None, shortest=32)
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", default=("127.0.0.1", "localhost", "[::1]"))
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS", default=())
TAILWATCH_PORT = env_int("PORT", default=8000, low=1, high=65535)
TAILWATCH_BASE_URL = env_url(
    "TAILWATCH_BASE_URL", default=f"http://127.0.0.1:{TAILWATCH_PORT}", schemes=("http", "https")
).rstrip("/")
TAILWATCH_HEARTBEAT_URL = env_url("TAILWATCH_HEARTBEAT_URL", schemes=("http", "https"))
TAILWATCH_DEMO_FLEET_URL = env_url("TAILWATCH_DEMO_FLEET_URL", schemes=("http", "https"))
TAILWATCH_PROBE_URLS = env_list("TAILWATCH_PROBE_URLS", default=())
TAILWATCH_ALERT_WINDOWS = env_text("TAILWATCH_ALERT_WINDOWS").strip()
TAILWATCH_HOLIDAYS = env_text("TAILWATCH_HOLIDAYS").strip().upper()
TAILWATCH_REPLAY_SUITE = env_text("TAILWATCH_REPLAY_SUITE").strip()
TAILWATCH_FOCUS_DIR = env_text("TAILWATCH_FOCUS_DIR").strip()
TAILWATCH_RUNBOOKS_DIR = env_text("TAILWATCH_RUNBOOKS_DIR").strip()
PROMETHEUS_URL = env_url("PROMETHEUS_URL", schemes=("http", "https"))
# Outbound requests to private addresses are refused unless the operator says that the pager lives there.
TAILWATCH_ALLOW_PRIVATE_OUTBOUND = env_list("TAILWATCH_ALLOW_PRIVATE_OUTBOUND", default=())
TAILWATCH_SMTP_URL = env_url("TAILWATCH_SMTP_URL", schemes=("smtp", "smtps"))
TAILWATCH_MAIL_FROM = env_text("TAILWATCH_MAIL_FROM").strip() or "tailwatch@localhost"

INSTALLED_APPS = [
    "observability.core",
    "sloengine",
    "incidents",
    "dashboards",
    "observability.apps.ObservabilityConfig",
    "django_htmx",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "incidents.ingest.middleware.ShortWay",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "observability.middleware.SecurityHeaders",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "observability.middleware.ReaderTimeZone",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "observability.middleware.Refusals",
]
ROOT_URLCONF = "observability.urls"
WSGI_APPLICATION = "observability.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "observability" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "observability.context.page",
            ]
        },
    }
]
#: Not behind a pooler that hands connections out by transaction.
DATABASE_PREPARE = env_bool("DATABASE_PREPARE", default=True)
DATABASES = {"default": {**env_database("DATABASE_URL"), "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "core.User"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "now"
LOGOUT_REDIRECT_URL = "login"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
if TESTING:
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # tests check who may, not how hard hashing is
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_AGE = int(timedelta(days=14).total_seconds())
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = TAILWATCH_BASE_URL.startswith("https")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SESSION_COOKIE_SECURE else None
X_FRAME_OPTIONS = "DENY"

LANGUAGE_CODE = "en-gb"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
_COLLECTED = TAILWATCH_HOME / "static"
STATIC_ROOT = _COLLECTED if _COLLECTED.is_dir() or "collectstatic" in sys.argv else None
STATICFILES_DIRS = [BASE_DIR / "observability" / "static"]
WHITENOISE_USE_FINDERS = True  # one machine needs no collectstatic; a grown one runs it and gets hashed names
WHITENOISE_AUTOREFRESH = DEBUG

CELERY_BROKER_URL = env_url(
    "CELERY_BROKER_URL",
    default="redis://127.0.0.1:6379/0",
    schemes=("redis", "rediss", "redis+socket", "amqp", "amqps", "memory"),
)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env_text("LOG_LEVEL", "INFO").upper()},
    "loggers": {"httpx": {"level": "WARNING"}, "django.request": {"level": "ERROR"}},
}
