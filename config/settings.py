"""Every setting, from the environment and nowhere else. The README's table explains each variable."""

from __future__ import annotations

import hmac
from datetime import timedelta
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from redis.backoff import NoBackoff
from redis.retry import Retry

from config import environment as env

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.text("DATA_DIR", str(BASE_DIR / "var"))).resolve()
DATA_DIR.mkdir(parents=True, exist_ok=True)

DEBUG = env.flag("DEBUG")
SECRET_KEY = env.text("SECRET_KEY") or env.kept_secret(DATA_DIR / "secret_key")
JWT_SECRET = env.text("JWT_SECRET") or env.kept_secret(DATA_DIR / "jwt_secret")
JWT_JWKS_URL = env.text("JWT_JWKS_URL")
JWT_ISSUER = env.text("JWT_ISSUER")
JWT_AUDIENCE = env.text("JWT_AUDIENCE")
RELEASE = env.text("RELEASE", "dev")

REDIS_URL = env.text("REDIS_URL")
REDIS_PREFIX = env.text("REDIS_PREFIX", "millrace")
DATABASE_URL = env.text("DATABASE_URL") or f"sqlite:///{DATA_DIR / 'db.sqlite3'}"
# The embedded default: one host, no other server. Decides defaults only, never behaviour.
EMBEDDED = not env.text("DATABASE_URL") and not REDIS_URL

ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CORS_ORIGINS = env.words("CORS_ORIGIN")
CSRF_TRUSTED_ORIGINS = [origin for origin in CORS_ORIGINS if origin.startswith("http")]
PUBLIC_URL = env.text("PUBLIC_URL", f"http://127.0.0.1:{env.text('PORT', '8000')}")

INSTALLED_APPS = [
    "daphne",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "corsheaders",
    "jobs",  # before django_q: its `qcluster` command is ours
    "django_q",
    "channels",
    *([] if REDIS_URL else ["channels_lite"]),
    "uploads",
    "enrichment",
    "monitoring",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]


def _database(url: str) -> dict[str, Any]:
    """Connection settings for `url`; see FACTS on SQLite: WAL, IMMEDIATE and a long busy timeout."""
    try:
        database: dict[str, Any] = dict(dj_database_url.parse(url, conn_health_checks=True))
    except (dj_database_url.ParseError, dj_database_url.UnknownSchemeError) as error:
        raise ImproperlyConfigured(
            f"DATABASE_URL can not be read ({type(error).__name__}): "
            "write postgresql://user:password@host:5432/name, or leave it unset for SQLite."
        ) from None
    options = database.setdefault("OPTIONS", {})
    if database["ENGINE"].endswith("sqlite3"):
        options.setdefault("transaction_mode", "IMMEDIATE")
        options.setdefault("timeout", 30)
        options.setdefault("init_command", "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL")
    else:
        # Planning one of the ledger's statements costs as much as executing it, so it is done once for each
        # connection. A pooler that swaps connections under the client may not know prepared statements.
        if env.flag("DATABASE_PREPARE", True):
            options |= {"server_side_binding": True, "prepare_threshold": 5}
        # A web process opens connections from many short-lived threads, so it pools them;
        # a worker holds one for its life.
        pool = env.integer("DATABASE_POOL", 0, high=200)
        if pool:
            options["pool"] = {"min_size": 1, "max_size": pool, "timeout": 10}
        else:
            database["CONN_MAX_AGE"] = None
        options.setdefault("connect_timeout", 5)
    return database


DATABASES = {"default": _database(DATABASE_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

if REDIS_URL:
    CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": REDIS_PREFIX,
            # A cache that is away is a cache that is empty: rate limits and tickets live in the database.
            # One that hangs must not hold up a creation: half a second, and no second try.
            "OPTIONS": {
                "IGNORE_EXCEPTIONS": True,
                "SOCKET_CONNECT_TIMEOUT": 0.5,
                "SOCKET_TIMEOUT": 0.5,
                "CONNECTION_POOL_KWARGS": {"retry": Retry(NoBackoff(), 0)},
            },
        }
    }
    CHANNEL_LAYERS = {
        "default": {
            # A hint is one PUBLISH here; the other layer walks the group's members for each (FACTS).
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {
                # redis-py gives up on a silent socket after 5 s, which would end every idle subscription.
                "hosts": [{"address": REDIS_URL, "socket_timeout": 20, "socket_connect_timeout": 5}],
                "prefix": f"{REDIS_PREFIX}:channels",
            },
        }
    }
else:
    DATABASE_ROUTERS = ["channels_lite.router.ChannelsRouter"]
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    DATABASES["channels"] = _database(f"sqlite:///{DATA_DIR / 'channels.sqlite3'}")
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_lite.layers.core.SQLiteChannelLayer",
            "CONFIG": {
                "database": "channels",
                "capacity": 5000,
                "expiry": 60,
                "group_expiry": 120,
                "polling_interval": 0.05,
                "polling_idle_timeout": 60,
            },
        }
    }

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
WHITENOISE_USE_FINDERS = True
MEDIA_ROOT = Path(env.text("MEDIA_ROOT", str(DATA_DIR / "media"))).resolve()
# Beside the storage, so that keeping a received file is a rename; bodies are spooled here too.
FILE_UPLOAD_TEMP_DIR = env.text("UPLOAD_TEMP_DIR", str(MEDIA_ROOT / "incoming"))
Path(FILE_UPLOAD_TEMP_DIR).mkdir(parents=True, exist_ok=True)
FILE_UPLOAD_PERMISSIONS = 0o640
MAX_DOCUMENT_MB = env.integer("MAX_DOCUMENT_MB", 50, low=1, high=2000)
MAX_VIDEO_MB = env.integer("MAX_VIDEO_MB", 200, low=1, high=10_000)
MAX_VIDEO_SECONDS = env.integer("MAX_VIDEO_SECONDS", 120, low=1, high=36_000)
MIN_PROFILE_VIDEO_SECONDS = env.integer("MIN_PROFILE_VIDEO_SECONDS", 3)
# h264 plays everywhere; vp9 is the way without GPL encoders.
VIDEO_CODEC = env.text("VIDEO_CODEC", "h264")
if VIDEO_CODEC not in {"h264", "vp9"}:
    raise ImproperlyConfigured(f"VIDEO_CODEC={VIDEO_CODEC!r}: use h264 or vp9.")
# How long an unfinished resumable upload is kept after its last byte.
UPLOAD_EXPIRY_HOURS = env.integer("UPLOAD_EXPIRY_HOURS", 24, low=1, high=24 * 30)
# What makes the vector of a search's words, by the engine of the chunks it is compared with.
QUERY_VECTORS = {
    "hash-1024-v1": "enrichment.analysis.query_vectors.vector",
    "openai:text-embedding-3-small": "enrichment.providers.openai_query.vector",
}
QUOTA_STORAGE_MB = env.integer("QUOTA_STORAGE_MB", 10_000, low=1)
S3_BUCKET = env.text("S3_BUCKET")
# Kept here because a sandbox has no secret in its environment. None: as boto3 finds them, by the host's role.
AWS_ACCESS_KEY_ID = env.text("AWS_ACCESS_KEY_ID") or None
AWS_SECRET_ACCESS_KEY = env.text("AWS_SECRET_ACCESS_KEY") or None
AWS_SESSION_TOKEN = env.text("AWS_SESSION_TOKEN") or None
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "uploads": {
        "BACKEND": "uploads.s3.S3Uploads",
        "OPTIONS": {"bucket_name": S3_BUCKET, "endpoint_url": env.text("S3_ENDPOINT_URL") or None},
    }
    if S3_BUCKET
    else {
        "BACKEND": "uploads.storage.DurableFileSystemStorage",
        "OPTIONS": {"location": str(MEDIA_ROOT)},
    },
}
# Where jobs without the network may connect to all the same: the site's own servers.
SANDBOX_PORTS = env.ports(
    DATABASE_URL, REDIS_URL, (env.text("S3_ENDPOINT_URL") or "https://s3") if S3_BUCKET else "",
    "http://role" if S3_BUCKET and not AWS_ACCESS_KEY_ID else "",
)  # fmt: skip
DATA_UPLOAD_MAX_MEMORY_SIZE = FILE_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "documents-page"
LOGOUT_REDIRECT_URL = "login"

# django-q2. Jobs carry no django-q2 timeout, the executor limits each itself: these are for ordinary tasks.
Q_CLUSTER: dict[str, Any] = {
    "name": REDIS_PREFIX,
    "broker_class": "jobs.brokers.RedisBroker" if REDIS_URL else "jobs.brokers.LedgerBroker",
    "orm": "default",
    "redis": REDIS_URL or {},
    "workers": 4,
    "queue_limit": 1,
    "bulk": 1,
    "timeout": 1800,
    "retry": 1860,
    "save_limit": -1,
    "recycle": 100_000,
    "ack_failures": True,
    "catch_up": False,
    "label": "django-q2",
    "log_level": "WARNING",
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "jobs.authentication.BearerAuthentication",
        "jobs.authentication.PageAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["jobs.parsers.StrictJSONParser"],
    "DEFAULT_THROTTLE_CLASSES": ["jobs.throttling.UserRate", "jobs.throttling.AnonymousRate"],
    "DEFAULT_SCHEMA_CLASS": "jobs.openapi.Schema",
    "EXCEPTION_HANDLER": "jobs.problems.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    # How many proxies of our own stand in front: only their part of X-Forwarded-For is believed.
    "NUM_PROXIES": env.integer("TRUSTED_PROXIES", 0, high=10),
}
# Requests per period and caller, such as 600/min; empty turns one off. The quota is the hard limit.
THROTTLE_RATES = {
    "user": env.text("THROTTLE_USER", "6000/min"),
    "anonymous": env.text("THROTTLE_ANONYMOUS", "300/min"),
    "create": env.text("THROTTLE_CREATE", "3000/min"),
    "login": env.text("THROTTLE_LOGIN", "20/min"),
}
JWT_REQUIRE_EXPIRY = env.flag("JWT_REQUIRE_EXPIRY")
SIMPLE_JWT = {
    "ALGORITHM": "HS256",
    "SIGNING_KEY": hmac.new(SECRET_KEY.encode(), b"millrace.local-tokens", "sha256").hexdigest(),
    "ISSUER": "millrace",
    "AUDIENCE": "millrace",
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=10),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=7),
}
CSRF_FAILURE_VIEW = "jobs.problems.csrf_failure"
CORS_ALLOWED_ORIGINS = [origin for origin in CORS_ORIGINS if origin != "*"]
CORS_ALLOW_ALL_ORIGINS = "*" in CORS_ORIGINS
CORS_ALLOW_CREDENTIALS = False
CORS_URLS_REGEX = r"^/api/.*$"
CORS_ALLOW_HEADERS = [
    "accept",
    "authorization",
    "content-type",
    "idempotency-key",
    "last-event-id",
    "tus-resumable",
    "upload-checksum",
    "upload-length",
    "upload-metadata",
    "upload-offset",
    "x-csrftoken",
]
CORS_EXPOSE_HEADERS = [
    "idempotency-replayed",
    "location",
    "retry-after",
    "tus-extension",
    "tus-max-size",
    "tus-resumable",
    "tus-version",
    "upload-expires",
    "upload-job-id",
    "upload-length",
    "upload-offset",
]
SPECTACULAR_SETTINGS = {
    "TITLE": "Millrace",
    "DESCRIPTION": "Durable background jobs with live progress.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": r"/api",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {"JobStatus": "jobs.states.State"},
}

# Millrace itself. `jobs.conf` reads these.
DRAIN_SECONDS = env.number("DRAIN_SECONDS", 25)
LEASE_SECONDS = env.number("LEASE_SECONDS", 30, low=3)
WATCHDOG_SECONDS = env.number("WATCHDOG_SECONDS", 5, low=1)
WORKER_CONCURRENCY = env.integer("WORKER_CONCURRENCY", 0, high=256)
JOB_CONCURRENCY = env.text("JOB_CONCURRENCY")
GUEST_CONCURRENCY = env.integer("GUEST_CONCURRENCY", 1, high=16)
MAX_JOB_ATTEMPTS = env.integer("MAX_JOB_ATTEMPTS", 0, high=100)
RETRY_BASE_DELAY = env.number("RETRY_BASE_DELAY", 2.0, low=0.01)
RETRY_MAX_DELAY = env.number("RETRY_MAX_DELAY", 600.0, low=0.01)
MEMORY_LIMIT = env.integer("MEMORY_LIMIT", 0, high=1_000_000)
SANDBOX_MAX_JOBS = env.integer("SANDBOX_MAX_JOBS", 500, low=1)
QUOTA_UNFINISHED_JOBS = env.integer("QUOTA_UNFINISHED_JOBS", 5000, low=1)
RETENTION_DAYS = env.integer("RETENTION_DAYS", 7, low=0)

# Whom to tell of stalled queues, missing workers and the like; and what `/metrics` asks a scraper for.
ALERT_EMAILS = env.words("ALERT_EMAILS")
# Whom mails come from, and which server takes them: smtp://user:password@host:587?tls=1 (or smtps://…).
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text("DEFAULT_FROM_EMAIL", "millrace@localhost")
if EMAIL_URL := env.text("EMAIL_URL"):
    globals().update(env.mail_server(EMAIL_URL))
# Alerts are sent by the process that minds the workers: a mail server that hangs must not hold it.
EMAIL_TIMEOUT = 10
METRICS_TOKEN = env.text("METRICS_TOKEN")

OPENAI_API_KEY = env.text("OPENAI_API_KEY")
ANTHROPIC_API_KEY = env.text("ANTHROPIC_API_KEY")
# Which provider `useAI` takes: the first of these that has its key.
AI_PROVIDERS = env.words("AI_PROVIDERS", "openai,anthropic,builtin")
OPENAI_BASE_URL = env.text("OPENAI_BASE_URL")
ANTHROPIC_BASE_URL = env.text("ANTHROPIC_BASE_URL")
# Limits of each provider, shared by all workers, such as openai=60,anthropic=50; none: no limit of our own.
AI_REQUESTS_PER_MINUTE = env.text("AI_REQUESTS_PER_MINUTE")
AI_TOKENS_PER_MINUTE = env.text("AI_TOKENS_PER_MINUTE")
# So many failed calls one after another, and the provider is left alone for so many seconds.
AI_BREAKER_FAILURES = env.integer("AI_BREAKER_FAILURES", 5, low=1, high=1000)
AI_BREAKER_SECONDS = env.number("AI_BREAKER_SECONDS", 30.0, low=0.1)
# US dollars each owner may spend on providers in a day and in a month (UTC); 0: no budget.
AI_BUDGET_DAY_USD = env.number("AI_BUDGET_DAY_USD", 0.0)
AI_BUDGET_MONTH_USD = env.number("AI_BUDGET_MONTH_USD", 0.0)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.text("LOG_LEVEL", "INFO")},
    "loggers": {
        "django-q": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
        "httpx": {"level": "WARNING"},
    },
}

# Browsers
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
if PUBLIC_URL.startswith("https://"):
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    SECURE_SSL_REDIRECT = env.flag("SSL_REDIRECT", True)
    SECURE_HSTS_SECONDS = env.integer("HSTS_SECONDS", 31_536_000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
