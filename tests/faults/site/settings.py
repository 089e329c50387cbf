"""The site as deployed, with kinds to hurt, less the protections that `FAULTS_WITHOUT` names."""

import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.site.apps.FaultsConfig"]

if "busy_timeout" in os.environ.get("FAULTS_WITHOUT", ""):
    DATABASES["default"]["OPTIONS"]["timeout"] = 0
