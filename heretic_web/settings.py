"""The one settings file; what differs between installations comes from the environment."""

from pathlib import Path

import dj_database_url
import django_stubs_ext
from csp.constants import NONE, SELF
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy

from heretic_web import VERSION, environment

django_stubs_ext.monkeypatch()  # lets ModelAdmin[Study] be written on Django 5.2

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = environment.paths("HERETIC_DATA_DIR", [BASE_DIR / "var"])[0]
# The data folder's own roots are always there: the demo model lives in them.
MODEL_ROOTS = [*environment.paths("HERETIC_MODEL_ROOTS", []), DATA_DIR / "models"]
PROMPT_ROOTS = [*environment.paths("HERETIC_PROMPT_ROOTS", []), DATA_DIR / "prompts"]
# Own tasks of benchmarks; they may name Python functions, so only the operator may write here.
BENCHMARK_ROOTS = [*environment.paths("HERETIC_BENCHMARK_ROOTS", []), DATA_DIR / "benchmarks"]
# Tasks that the form for a benchmark suggests.
BENCHMARK_TASKS = environment.names(
    "HERETIC_BENCHMARK_TASKS", ["arc_easy", "hellaswag", "winogrande", "truthfulqa_mc2"]
)
EXPORT_DIR = DATA_DIR / "exports"
# Command that turns a model folder into a GGUF file; llama.cpp's own is found on the PATH.
GGUF_CONVERTER = environment.text("HERETIC_GGUF_CONVERTER", "convert_hf_to_gguf.py")
# Where exports are uploaded to; empty: the hub's own address.
HUB_ENDPOINT = environment.text("HF_ENDPOINT")
# Where pages are reached from elsewhere, such as https://lab.example; for links in messages.
PUBLIC_URL = environment.text("HERETIC_PUBLIC_URL").rstrip("/")
# Webhooks to these hosts may lie in a private network, and need no TLS.
WEBHOOK_TRUSTED_HOSTS = environment.names("HERETIC_WEBHOOK_HOSTS", [])
EMAIL_HOST = environment.text("EMAIL_HOST", "localhost")
EMAIL_IS_SET_UP = bool(environment.text("EMAIL_HOST"))  # else none is sent
EMAIL_PORT = int(environment.text("EMAIL_PORT", "587"))
EMAIL_HOST_USER = environment.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = environment.text("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = environment.flag("EMAIL_USE_TLS", default=True)
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL = environment.text("DEFAULT_FROM_EMAIL", "heretic-web@localhost")
REDIS_URL = environment.text("REDIS_URL")

SECRET_KEY = environment.secret_key(DATA_DIR)
PRODUCT_VERSION = VERSION  # the API says it
DEBUG = environment.flag("DEBUG")
ALLOWED_HOSTS = environment.names("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = environment.names("CSRF_TRUSTED_ORIGINS", [])

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # before the admin, whose templates it replaces
    "heretic_web.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "channels",
    "csp",
    "reversion",
    "ninja",  # serves the API's documentation without a CDN
    "studies",  # before huey, whose run_huey it extends
    "huey.contrib.djhuey",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "csp.middleware.CSPMiddleware",
    "heretic_web.admin_policy.admin_policy_middleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "heretic_web.urls"
ASGI_APPLICATION = "heretic_web.asgi.application"
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
                "studies.views.rights.rights",
            ]
        },
    }
]

# Web and worker write at the same time: take the write lock at once, wait for it.
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    "timeout": 20,  # seconds
}
DATABASE_URL = environment.text("DATABASE_URL", f"sqlite:///{DATA_DIR / 'heretic.sqlite3'}")
# No persistent connections: under ASGI each request has a thread, and a connection, of its own.
DATABASES = {"default": dj_database_url.parse(DATABASE_URL, conn_max_age=0)}
ON_SQLITE = DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3"
if ON_SQLITE:
    DATABASES["default"]["OPTIONS"] = SQLITE_OPTIONS
    OPTUNA_STORAGE = f"sqlite:///{DATA_DIR / 'optuna.sqlite3'}"  # a file of its own: own locks
else:
    OPTUNA_STORAGE = DATABASE_URL
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"

CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    # Apart from the default one: figures are large, and must not push out rate counters.
    "figures": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "figures",
        "OPTIONS": {"MAX_ENTRIES": 60},
    },
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL]},
    }
    if REDIS_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}

_HUEY_CONSUMER = {
    "workers": 1,  # one process per device; torch is loaded inside the task
    "worker_type": "process",
    "periodic": False,  # the worker's own watch thread looks for forgotten jobs
    "initial_delay": 0.1,
    "max_delay": 0.5,
    "health_check_interval": 2,
    "graceful_signal": "TERM",
    "shutdown_timeout": 2,  # seconds; then the study is given back to the queue
}
HUEY: dict[str, object] = {
    "name": "heretic",
    "immediate": False,  # djhuey's default is DEBUG: the web process would load the model
    "results": False,
    "consumer": _HUEY_CONSUMER,
}
if REDIS_URL:
    HUEY |= {"huey_class": "huey.PriorityRedisExpireHuey", "connection": {"url": REDIS_URL}}
elif ON_SQLITE:
    HUEY |= {
        "huey_class": "huey.SqliteHuey",
        "connection": {"filename": str(DATA_DIR / "huey.sqlite3"), "timeout": 20},
    }
else:
    HUEY |= {"huey_class": "huey.PostgresHuey", "connection": {"dsn": DATABASE_URL}}

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # counts wrong passwords
    "django.contrib.auth.backends.ModelBackend",
]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "registration/locked.html"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"

STATIC_URL = "static/"
SERVESTATIC_USE_FINDERS = True  # no collectstatic step before the first start
SERVESTATIC_MAX_AGE = 0  # files are revalidated, so an upgrade shows at once
SERVESTATIC_ALLOW_ALL_ORIGINS = False

X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
BEHIND_HTTPS = environment.flag("HTTPS")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_HTTPS
if BEHIND_HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 6 * 1024 * 1024  # a prompt set is at most 5 MiB
NINJA_PAGINATION_CLASS = "ninja.pagination.LimitOffsetPagination"


def _admin_page(title: str, icon: str, name: str) -> dict[str, object]:
    """A line of the admin's menu, shown to those who may open the page."""
    link = reverse_lazy(f"admin:{name}_changelist")
    permission = name.replace("_", ".view_")

    def is_shown(request: HttpRequest) -> bool:
        return request.user.has_perm(permission)

    return {"title": title, "icon": icon, "link": link, "permission": is_shown}


UNFOLD = {
    "SITE_TITLE": "Heretic Web",
    "SITE_HEADER": "Heretic Web",
    "SITE_SYMBOL": "radar",
    "SITE_URL": reverse_lazy("study-list"),
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("studies/icon.svg"),
        }
    ],
    # Links in the dark scheme; the theme's own 62.7 % is too faint for small text (WCAG AA).
    "COLORS": {"primary": {"500": "oklch(67% .24 304)"}},
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SIDEBAR": {
        "navigation": [
            {
                "title": "Search space",
                "items": [
                    _admin_page("Presets", "tune", "studies_profile"),
                    _admin_page("Model overrides", "rule", "studies_modeloverride"),
                    _admin_page("Prompt sets", "chat", "studies_promptset"),
                ],
            },
            {
                "title": "Work",
                "items": [
                    _admin_page("Studies", "science", "studies_study"),
                    _admin_page("Jobs", "list_alt", "studies_job"),
                    _admin_page("Workers", "memory", "studies_worker"),
                ],
            },
            {
                "title": "Access",
                "items": [
                    _admin_page("Users", "person", "auth_user"),
                    _admin_page("Groups", "group", "auth_group"),
                    _admin_page("API tokens", "key", "studies_apitoken"),
                    _admin_page("Failed logins", "lock", "axes_accessattempt"),
                ],
            },
        ],
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "studies": {"level": "INFO"},
        # A handler of its own keeps the consumer from adding a second one.
        "huey": {"level": "WARNING", "handlers": ["stderr"], "propagate": False},
        "axes": {"level": "WARNING"},
        "lm_eval": {"level": "ERROR"},  # it warns of what is meant here
    },
}
# What models computed before their first trial, for the next study; 0 keeps nothing.
CACHE_DIR = DATA_DIR / "cache"
CACHE_GB = float(environment.text("HERETIC_CACHE_GB", "5"))
COMPILED_DIR = DATA_DIR / "compiled"  # decoding steps; in /tmp, others could put code there first
LEASE_SECONDS = float(
    environment.text("HERETIC_LEASE_SECONDS", "30")
)  # a lost worker is noticed after these
