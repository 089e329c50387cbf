"""`manage.py qcluster`: the workers of one pool."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from jobs import conf
from jobs.cluster import Keeper


class Command(BaseCommand):
    help = "Runs the workers of a pool until SIGTERM or Ctrl-C, then lets them finish what they have begun."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--pool", default="all", choices=conf.pool_names(), help="which queues to serve (default: all)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            pool = conf.pool(options["pool"])
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from None
        sys.exit(Keeper(pool).run())
