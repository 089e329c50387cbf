"""The peer: django-q2 as it comes, with its Redis broker, and nothing of ours."""

from config import environment as env
from config.settings import DATABASES, REDIS_URL, SECRET_KEY, TIME_ZONE, USE_TZ

__all__ = ["DATABASES", "SECRET_KEY", "TIME_ZONE", "USE_TZ"]

INSTALLED_APPS = ["django.contrib.contenttypes", "django_q"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
Q_CLUSTER = {
    "name": "stock",
    "redis": REDIS_URL,
    "workers": env.integer("STOCK_WORKERS", 2),
    "timeout": 60,
    "retry": 120,
    "save_limit": -1,
    "log_level": "WARNING",
}
LOGGING_CONFIG = None
