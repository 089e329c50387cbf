"""The site with the kinds of `tests.workload`: what real worker processes run in tests and benchmarks."""

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.workload"]
