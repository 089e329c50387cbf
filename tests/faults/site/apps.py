"""Puts the kinds to hurt into the site, and takes a protection away where a check asks for it."""

from __future__ import annotations

import os

from django.apps import AppConfig


class FaultsConfig(AppConfig):
    name = "tests.faults.site"
    label = "faults"

    def ready(self) -> None:
        from jobs import identity
        from tests.faults.site import handlers, without  # noqa: F401  registers the kinds

        if os.environ.get("FAULTS_HOST"):
            # Two hosts on one machine: what they know of each other is the ledger.
            name = os.environ["FAULTS_HOST"]
            identity.host = lambda: name  # type: ignore[assignment]
        for protection in filter(None, os.environ.get("FAULTS_WITHOUT", "").split(",")):
            without.REMOVALS[protection]()
