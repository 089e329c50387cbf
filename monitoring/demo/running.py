"""A site of the demo's own: `manage.py up` as a child, its output in a file, ended with the demo."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import Final

from django.conf import settings

from config import environment as env
from config import site
from config.supervisor import exit_reason

START_SECONDS: Final = 90
# `up` itself gives its children DRAIN_SECONDS and ten more; this is only for an `up` that hangs.
STOP_SECONDS: Final = 60


class DemoFailed(Exception):
    """The demo can not go on; the message says why, for the person at the terminal."""


class Site:
    """The site as a child process. A context manager: leaving it drains and ends the site."""

    def __init__(self) -> None:
        host = env.text("HOST", "127.0.0.1")
        self.log = Path(settings.DATA_DIR) / "demo.log"
        try:
            self.address = site.claim(host, env.integer("PORT", 8000, high=65_535))
        except site.PortInUse:
            # Only the default is a suggestion: a port that was asked for by name has to be that one.
            if env.text("PORT"):
                raise
            self.address = site.claim(host, 0)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self.address.url

    def __enter__(self) -> Site:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(site.BASE_DIR / "manage.py"), "up"],
                env=os.environ | {"PORT": str(self.address.port), "HOST": self.address.host},
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                # A Ctrl-C is the demo's to handle: it stops following first, then drains the site.
                start_new_session=True,
            )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait_ready(self) -> float:
        """Wait until the site can take work; returns the seconds it took. Raises DemoFailed."""
        began = time.monotonic()
        while not self.address.answers("/readyz"):
            self.check()
            if time.monotonic() - began > START_SECONDS:
                raise DemoFailed(f"The site was not ready within {START_SECONDS} s.\n{self.last_lines()}")
            time.sleep(0.5)
        return time.monotonic() - began

    def check(self) -> None:
        """Raise DemoFailed if the site has ended."""
        status = self.process.poll() if self.process else None
        if status is not None:
            raise DemoFailed(f"The site {exit_reason(status)}.\n{self.last_lines()}")

    def wait(self) -> int:
        """Until the site ends by itself; returns its exit status."""
        return self.process.wait() if self.process else 0

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(settings.DRAIN_SECONDS + STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # The children are told by the kernel that their parent died.
            self.process.kill()
            self.process.wait()

    def last_lines(self, count: int = 15) -> str:
        with self.log.open(errors="replace") as log:
            lines = deque(log, maxlen=count)
        return f"The last lines of {self.log}:\n" + "".join(f"  {line}" for line in lines)
