"""A person who asked for it is mailed about the end of a job: once, durably, and about nothing else."""

from __future__ import annotations

import email
import email.policy
import smtplib
import socketserver
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core import mail as mailbox
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from config import environment
from jobs import mail, preferences, transitions
from jobs.context import JobContext
from jobs.enqueue import create
from jobs.exceptions import JobError, PermanentError, TransientError
from jobs.ledger import Fence
from jobs.models import Job, NotificationPreference
from jobs.retry import Judgement, RetryPolicy
from jobs.states import Category, EmailOn, State
from jobs.transitions import Failure
from tests.factories import JobFactory

pytestmark = pytest.mark.django_db
FAILURE = Failure(Judgement(Category.PERMANENT, "bad", "The file is\nnot a document."))


def wants(user: Any, when: str) -> None:
    NotificationPreference.objects.update_or_create(pk=user.pk, defaults={"email": when})
    preferences.forget()


def end(user: Any, state: State, **more: Any) -> Job:
    """A job that has run and ended in `state`."""
    job = create("tests.echo", {}, owner=user, **more)
    if state == State.CANCELLED:
        transitions.cancel(job)
    else:
        claimed = transitions.claim(job.id, worker="w", lease=30)
        assert claimed is not None
        fence = Fence(job.id, 1, claimed.claim)
        if state == State.COMPLETED:
            transitions.complete(claimed, fence, {"title": "My\r\nBcc: x@example.org  paper"})
        else:
            transitions.fail(claimed, fence, FAILURE, RetryPolicy())
    job.refresh_from_db()
    assert job.state == state
    return job


def owed() -> list[Job]:
    return list(Job.objects.filter(kind=mail.EMAIL))


def delivered(job: Job) -> dict[str, Any]:
    delivery = JobFactory(owner=job.owner, kind=mail.EMAIL)
    run = {
        "job": delivery.id.hex, "kind": mail.EMAIL, "owner": delivery.owner_id, "parent": "", "attempt": 1,
        "priority": 5, "checkpoint": None, "claim": uuid.uuid4().hex,
    }  # fmt: skip
    context = JobContext(run, lambda name, value: None, Path("."))
    return mail.deliver(context, mail.EmailArgs(job_id=str(job.id)))


@pytest.mark.parametrize(
    ("when", "told"),
    [
        (EmailOn.NEVER, set()),
        (EmailOn.FAILURES, {State.FAILED}),
        (EmailOn.ALWAYS, {State.FAILED, State.COMPLETED}),
    ],
)
@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED, State.CANCELLED])
def test_a_mail_is_owed_for_the_ends_a_person_asked_for(
    user: Any, when: str, told: set[State], state: State
) -> None:
    wants(user, when)
    job = end(user, state)
    found = [(one.queue, one.owner, one.args) for one in owed()]
    assert found == ([("system", user, {"job_id": str(job.id)})] if state in told else [])


def test_parts_of_a_job_and_the_systems_own_are_not_told_of(user: Any) -> None:
    wants(user, EmailOn.ALWAYS)
    parent = JobFactory(owner=user)
    assert preferences.mail_owed(parent, State.COMPLETED)
    assert not preferences.mail_owed(JobFactory(owner=user, parent=parent), State.COMPLETED)
    assert not preferences.mail_owed(JobFactory(owner=user, queue="system"), State.FAILED)


def test_a_mail_is_owed_if_and_only_if_the_end_is_committed(
    user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wants(user, EmailOn.ALWAYS)
    job = create("tests.echo", {}, owner=user)
    claimed = transitions.claim(job.id, worker="w", lease=30)
    assert claimed is not None
    stranger = Fence(job.id, 1, uuid.uuid4())
    assert transitions.complete(claimed, stranger, {}) is None and owed() == []
    monkeypatch.setattr("jobs.transitions.ends._telling", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        transitions.complete(claimed, Fence(job.id, 1, claimed.claim), {})
    job.refresh_from_db()
    assert job.state == State.RUNNING and owed() == []


def test_most_ends_ask_nothing_of_the_database(user: Any) -> None:
    end(user, State.COMPLETED)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        end(user, State.COMPLETED)
    assert not [one for one in queries if "notification_preferences" in one["sql"]]


def test_what_is_remembered_is_bounded(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preferences, "_OWNERS", 3)
    for owner in range(1000, 1010):
        preferences.email_on(owner)
    assert len(preferences._known) == 3


def test_the_mail_says_what_became_of_the_job_and_nothing_of_its_result(user: Any, settings: Any) -> None:
    settings.PUBLIC_URL = "https://jobs.example.org"
    wants(user, EmailOn.ALWAYS)
    done, failed = end(user, State.COMPLETED), end(user, State.FAILED)
    assert delivered(done) == delivered(failed) == {"sent": True}
    first, second = mailbox.outbox
    assert first.subject == "Done: My Bcc: x@example.org paper" and first.to == [user.email]
    assert f"https://jobs.example.org/api/jobs/{done.pk}" in first.body
    assert "https://jobs.example.org/notifications" in first.body
    assert second.subject == "Failed: tests.echo" and "not a document" in second.body
    assert first.message()["Auto-Submitted"] == "auto-generated"


def test_who_has_changed_his_mind_or_has_no_address_is_not_mailed(user: Any) -> None:
    wants(user, EmailOn.ALWAYS)
    job = end(user, State.COMPLETED)
    user.email = ""
    user.save()
    assert "address" in delivered(job)["skipped"]
    NotificationPreference.objects.update(email=EmailOn.FAILURES)
    assert "not wanted" in delivered(job)["skipped"]
    assert mailbox.outbox == []


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (ConnectionRefusedError(), TransientError, "email_unreachable"),
        (smtplib.SMTPServerDisconnected("gone"), TransientError, "email_unreachable"),
        (smtplib.SMTPRecipientsRefused({"a": (450, b"greylisted")}), TransientError, "email_later"),
        (smtplib.SMTPRecipientsRefused({"a": (550, b"no such user")}), PermanentError, "email_refused"),
        (smtplib.SMTPDataError(452, b"full"), TransientError, "email_later"),
        (smtplib.SMTPDataError(554, b"spam"), PermanentError, "email_refused"),
        (smtplib.SMTPAuthenticationError(535, b"secret-password"), PermanentError, "email_setup"),
    ],
)
def test_what_the_mail_server_says_decides_whether_it_is_tried_again(
    user: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, kind: type[JobError], code: str
) -> None:
    wants(user, EmailOn.ALWAYS)
    job = end(user, State.COMPLETED)

    def refuse(self: Any) -> int:
        raise error

    monkeypatch.setattr("django.core.mail.EmailMessage.send", refuse)
    with pytest.raises(kind) as caught:
        delivered(job)
    assert caught.value.code == code and "secret" not in caught.value.message


def test_the_preference_is_read_and_set_by_its_owner(api: APIClient, user: Any, api_for: Any) -> None:
    assert api.get("/api/notifications").json() == {"email": "never", "address": user.email}
    assert api.put("/api/notifications", {"email": "failures"}, format="json").json()["email"] == "failures"
    assert api.get("/api/notifications").json()["email"] == "failures"
    end(user, State.FAILED)
    assert len(owed()) == 1
    assert api.put("/api/notifications", {"email": "often"}, format="json").json()["errors"]["email"]
    assert api.put("/api/notifications", {}, format="json").status_code == 400
    assert api_for(None).get("/api/notifications").status_code == 401


def test_an_account_without_an_address_is_told_the_remedy(api: APIClient, user: Any) -> None:
    user.email = ""
    user.save()
    answer = api.put("/api/notifications", {"email": "always"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "no_address")
    assert api.put("/api/notifications", {"email": "never"}, format="json").status_code == 200


@pytest.mark.parametrize(
    ("url", "host", "port", "user", "password", "ssl", "tls"),
    [
        ("smtp://mail.example.org", "mail.example.org", 25, "", "", False, False),
        ("smtp://a%40b:p%2Fw@mail.example.org?tls=1", "mail.example.org", 587, "a@b", "p/w", False, True),
        ("smtps://a:b@mail.example.org", "mail.example.org", 465, "a", "b", True, False),
        ("smtp://mail.example.org:2525", "mail.example.org", 2525, "", "", False, False),
    ],
)
def test_the_mail_server_is_read_from_one_address(
    url: str, host: str, port: int, user: str, password: str, ssl: bool, tls: bool
) -> None:
    assert environment.mail_server(url) == {
        "EMAIL_HOST": host, "EMAIL_PORT": port, "EMAIL_HOST_USER": user, "EMAIL_HOST_PASSWORD": password,
        "EMAIL_USE_SSL": ssl, "EMAIL_USE_TLS": tls,
    }  # fmt: skip


@pytest.mark.parametrize("url", ["mail.example.org", "http://x", "smtp://", "smtp://x:port"])
def test_a_wrong_address_of_the_mail_server_is_refused_at_start(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL"):
        environment.mail_server(url)


class MailServer(socketserver.ThreadingTCPServer):
    """Speaks as much SMTP as a mail needs, keeps what it is sent, and answers `RCPT` with `verdict`."""

    daemon_threads = True
    verdict = "250 fine"

    def __init__(self) -> None:
        self.mails: list[str] = []
        super().__init__(("127.0.0.1", 0), _Conversation)


class _Conversation(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.say("220 ready")
        while line := self.rfile.readline().decode().strip():
            word = line.split()[0].upper()
            if word == "DATA":
                self.say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.mails.append(b"".join(lines).decode())
                self.say("250 kept")
            elif word == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say(self.server.verdict if word == "RCPT" else "250 fine")

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def mail_server(settings: Any) -> Iterator[MailServer]:
    with MailServer() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"smtp://127.0.0.1:{server.server_address[1]}"
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        for name, value in environment.mail_server(url).items():
            setattr(settings, name, value)
        yield server
        server.shutdown()


def test_a_real_mail_server_gets_it(user: Any, mail_server: MailServer) -> None:
    wants(user, EmailOn.ALWAYS)
    assert delivered(end(user, State.COMPLETED)) == {"sent": True}
    (sent,) = mail_server.mails
    parsed = email.message_from_string(sent, policy=email.policy.default)
    assert (parsed["To"], parsed["Subject"]) == (user.email, "Done: My Bcc: x@example.org paper")
    assert "Bcc" not in parsed


@pytest.mark.parametrize(
    ("verdict", "code"), [("450 greylisted", "email_later"), ("550 no such user", "email_refused")]
)
def test_what_a_real_mail_server_answers_is_understood(
    user: Any, mail_server: MailServer, verdict: str, code: str
) -> None:
    mail_server.verdict = verdict
    wants(user, EmailOn.ALWAYS)
    with pytest.raises(JobError) as caught:
        delivered(end(user, State.COMPLETED))
    assert caught.value.code == code and mail_server.mails == []
