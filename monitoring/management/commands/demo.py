"""`manage.py demo`: one real document, résumé or video, from upload to result, on a site started for it."""

from __future__ import annotations

import secrets
import signal
import sys
import time
from pathlib import Path
from typing import Any

import httpx
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.markup import escape

from config import site
from monitoring.demo.following import follow
from monitoring.demo.running import DemoFailed, Site
from monitoring.demo.sending import SORTS, Sort, answer, sort_of
from monitoring.demo.showing import make_console, show_progress

DOCUMENT = site.BASE_DIR / "uploads" / "demo" / "field-guide-to-job-queues.pdf"
USERNAME = "demo"
# Marks the account as the demo's own; .invalid never receives mail.
EMAIL = "demo@millrace.invalid"


class Command(BaseCommand):
    help = "Start the site, send a file through it, show the result; then keep the site running."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file", nargs="?", type=Path, default=DOCUMENT, help="a document, résumé or video (default: ours)"
        )
        parser.add_argument(
            "--as", dest="sort", choices=SORTS, help="what the file is (default: by its name's ending)"
        )
        parser.add_argument("--once", action="store_true", help="end when the job has ended")

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path = options["file"]
        if not file.is_file():
            raise CommandError(f"There is no file {file}.")
        # A stop by signal must pass through `with Site()`, which drains; the default would orphan it.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        console = make_console()
        try:
            with Site() as running:
                self.run(console, running, file, sort_of(file, options["sort"]), once=options["once"])
        except KeyboardInterrupt:
            console.print("stopped")
            if options["once"]:
                sys.exit(130)
        except (DemoFailed, site.PortInUse, httpx.HTTPError) as error:
            raise CommandError(str(error)) from None

    def run(self, console: Console, running: Site, file: Path, sort: Sort, *, once: bool) -> None:
        with console.status("Starting the site: migrations, web, workers …"):
            seconds = running.wait_ready()
        console.print(f"The site is ready at {running.url} ({seconds:.1f} s; log in {running.log})")
        password = make_user()
        try:
            with httpx.Client(base_url=running.url, timeout=60) as client:
                self.process(console, client, running, file, sort, password)
            if once:
                return
            console.print(f"\n[bold]The site is running:[/bold] {running.url}/")
            for name, path in (("dashboard", "/dashboard"), ("admin", "/admin/"), ("API", "/api/docs")):
                console.print(f"  {name:<10} {running.url}{path}")
            console.print(f"  {'login':<10} {USERNAME} / {password}   (made for this run)", markup=False)
            console.print("Ctrl-C stops it.")
            running.wait()
            running.check()
        finally:
            # Nobody can guess it, but a login that nobody needs any more should not be there either.
            get_user_model().objects.filter(username=USERNAME).update(password="!")

    def process(
        self, console: Console, client: httpx.Client, running: Site, file: Path, sort: Sort, password: str
    ) -> None:
        token = answer(
            client.post("/api/auth/token", json={"username": USERNAME, "password": password}), "log in"
        )["access"]
        client.headers["Authorization"] = f"Bearer {token}"
        began = time.monotonic()
        job_id = sort.send(client, file)
        took = (time.monotonic() - began) * 1000
        console.print(
            f"\nUploaded [bold]{escape(file.name)}[/bold] ({file.stat().st_size / 1024:.0f} KB): "
            f"job {job_id} accepted in {took:.0f} ms"
        )
        last = show_progress(console, follow(client, running.url, token, job_id))
        if last is None or last.job is None:
            raise DemoFailed("The job's end was not told.")
        # What came over a socket may leave out a large result; the API always has all of it.
        job = answer(client.get(f"/api/jobs/{job_id}"), "read the job")
        if job["status"] != "completed":
            error = job.get("error") or {}
            raise DemoFailed(
                f"The job {job['status']}: {error.get('message', 'no reason given')} ({error.get('code')})"
            )
        console.print(f"[dim]followed over {last.over}[/dim]")
        found = answer(client.get(sort.found(job["result"])), "read the result")
        sort.show(console, job, found, time.monotonic() - began)


def make_user() -> str:
    """The demo's own operator, with a new random password at every run; returns the password."""
    password = secrets.token_urlsafe(12)
    users = get_user_model().objects
    user = users.filter(username=USERNAME).first() or users.create_user(USERNAME, EMAIL)
    if user.email != EMAIL:
        raise DemoFailed(
            f"The account {USERNAME!r} of this site belongs to somebody: run the demo on another DATA_DIR."
        )
    user.is_staff = user.is_superuser = user.is_active = True
    user.set_password(password)
    user.save()
    return password
