"""What every test stands on: people, clients, and a site that contacts nothing outside the process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connections
from rest_framework.test import APIClient

import tests.kinds  # noqa: F401  registers the kinds that tests use
from jobs import floor, preferences


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """SQLite tests use a file: threads must meet the locks that they meet in production."""
    settings = connections["default"].settings_dict
    if settings["ENGINE"].endswith("sqlite3"):
        settings["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")


@pytest.fixture(autouse=True)
def _embedded_site(settings: Any) -> None:
    """Channel layer and cache inside this process, whatever the environment says; cheap password hashes."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.WHITENOISE_AUTOREFRESH = True  # no collected files, and no scan of them for every client
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    cache.clear()
    floor.forget()
    preferences.forget()


@pytest.fixture
def user(db: None) -> Any:
    from tests.factories import UserFactory

    return UserFactory(username="ada")


@pytest.fixture
def other_user(db: None) -> Any:
    from tests.factories import UserFactory

    return UserFactory(username="grace")


@pytest.fixture
def staff(db: None) -> Any:
    from tests.factories import StaffFactory

    return StaffFactory(username="operator")


@pytest.fixture
def api_for() -> Callable[[Any], APIClient]:
    """A function that makes an API client for a user (None: anonymous)."""

    def client(user: Any = None) -> APIClient:
        made = APIClient()
        if user is not None:
            made.force_authenticate(user)
        return made

    return client


@pytest.fixture
def api(user: Any, api_for: Callable[[Any], APIClient]) -> APIClient:
    """A client that speaks for `user`."""
    return api_for(user)


@pytest.fixture
def staff_api(staff: Any, api_for: Callable[[Any], APIClient]) -> APIClient:
    """A client that speaks for `staff`."""
    return api_for(staff)
