"""A callback address is told of the end, signed; an address that is not public is never connected to."""

from __future__ import annotations

import datetime
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from jobs import transitions, webhooks
from jobs.context import JobContext
from jobs.enqueue import create
from jobs.exceptions import JobError, PermanentError, RetryLater, TransientError
from jobs.ledger import Fence
from jobs.models import Job
from tests.factories import JobFactory

URL = "https://hooks.example.org/jobs?x=1"


class Receiver(HTTPServer):
    """An https server that keeps what it is sent and answers `status`."""

    status = 200
    headers: dict[str, str] = {}

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], str]] = []
        super().__init__(("127.0.0.1", 0), _Keep)


class _Keep(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self.server.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for `name`, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "cert.pem", folder / "key.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return public, private


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Receiver]:
    """hooks.example.org, on loopback: the check of addresses, which forbids that, is tested apart."""
    public, private = certificate(tmp_path, "hooks.example.org")
    server = Receiver()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(public, private)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    port = server.server_address[1]
    monkeypatch.setattr(
        webhooks,
        "resolve",
        lambda url: webhooks.Target("hooks.example.org", f"127.0.0.1:{port}", "/jobs?x=1"),
    )
    monkeypatch.setattr(webhooks.Target, "url", property(lambda self: f"https://{self.ip}{self.path}"))
    monkeypatch.setattr(webhooks, "tls", lambda: ssl.create_default_context(cafile=str(public)))
    yield server
    server.shutdown()
    server.server_close()


def context(job: Job) -> JobContext:
    run = {
        "job": job.id.hex, "kind": job.kind, "owner": job.owner_id, "parent": "", "attempt": 1, "priority": 5,
        "checkpoint": None, "claim": job.id.hex,
    }  # fmt: skip
    return JobContext(run, lambda name, value: None, Path("."))


def delivered(job: Job) -> dict[str, Any]:
    delivery = JobFactory(owner=job.owner, kind=webhooks.WEBHOOK)
    return webhooks.deliver(context(delivery), webhooks.WebhookArgs(job_id=str(job.id)))


def test_the_end_of_a_job_owes_its_callback_address_a_delivery(user: Any) -> None:
    job = create("tests.echo", {}, owner=user, callback_url=URL)
    claimed = transitions.claim(job.id, worker="w", lease=30)
    assert claimed is not None
    assert not Job.objects.filter(kind=webhooks.WEBHOOK).exists()
    transitions.complete(claimed, Fence(job.id, 1, claimed.claim), {"text": "x"})
    owed = Job.objects.get(kind=webhooks.WEBHOOK)
    assert (owed.queue, owed.owner, owed.args) == ("system", user, {"job_id": str(job.id)})


def test_a_cancelled_job_is_told_of_too_and_one_without_an_address_is_not(user: Any) -> None:
    transitions.cancel(create("tests.echo", {}, owner=user))
    assert not Job.objects.filter(kind=webhooks.WEBHOOK).exists()
    transitions.cancel(create("tests.echo", {}, owner=user, callback_url=URL))
    assert Job.objects.filter(kind=webhooks.WEBHOOK).count() == 1


def test_a_delivery_is_signed_so_that_its_receiver_can_check_it(receiver: Receiver, user: Any) -> None:
    job = JobFactory(owner=user, completed=True, callback_url=URL, result={"answer": 42})
    assert delivered(job) == {"status": 200}
    ((headers, body),) = receiver.got
    assert headers["host"] == "hooks.example.org"
    checked = Webhook(webhooks.secret(user.pk)).verify(body, headers)
    assert checked["type"] == "job.completed"
    assert (checked["data"]["jobId"], checked["data"]["result"]) == (str(job.id), {"answer": 42})
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(webhooks.secret(user.pk + 1)).verify(body, headers)


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (500, {}, TransientError),
        (404, {}, PermanentError),
        (410, {}, PermanentError),
        (302, {"location": "http://127.0.0.1/"}, PermanentError),
        (429, {"retry-after": "30"}, RetryLater),
    ],
)
def test_the_answer_decides_whether_it_is_tried_again(
    receiver: Receiver, user: Any, status: int, headers: dict[str, str], error: type[JobError]
) -> None:
    receiver.status, receiver.headers = status, headers
    with pytest.raises(error):
        delivered(JobFactory(owner=user, completed=True, callback_url=URL))
    assert len(receiver.got) == 1


def test_a_certificate_for_another_name_is_not_believed(
    receiver: Receiver, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = webhooks.resolve(URL)
    monkeypatch.setattr(webhooks, "resolve", lambda url: webhooks.Target("other.example.org", here.ip, "/"))
    with pytest.raises(TransientError):
        delivered(JobFactory(owner=user, completed=True, callback_url=URL))
    assert receiver.got == []


BAD = [
    "http://example.org/", "https://example.org:8443/", "https://user@example.org/", "https://u:p@example.org/",
    "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/",
    "https://localhost/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/",
    "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://[fe80::1]/", "https://[fc00::1]/",
    "https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.1.1/", "https://169.254.169.254/latest/",
    "https://100.64.0.1/", "https://0.0.0.0/", "https://224.0.0.1/", "https://255.255.255.255/",
    "https://[ff02::1]/", "https://[::]/", "ftp://example.org/", "https:///path", "https://[::1", "file:///etc/passwd",
]  # fmt: skip


@pytest.mark.parametrize("url", BAD)
def test_an_address_that_is_not_public_is_never_connected_to(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []
    monkeypatch.setattr(socket.socket, "connect", lambda self, address: made.append(address))
    with pytest.raises(JobError):
        webhooks.resolve(url)
    assert made == []


def test_a_name_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner chooses which of them a second look-up gives."""
    answers = [(socket.AF_INET, 1, 6, "", (ip, 443)) for ip in ("93.184.215.14", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: answers)
    with pytest.raises(PermanentError):
        webhooks.resolve("https://rebinding.example.org/")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: answers[:1])
    assert webhooks.resolve("https://example.org/a?b=c") == webhooks.Target(
        "example.org", "93.184.215.14", "/a?b=c"
    )


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_as_public_as_the_one_it_holds(address: Any) -> None:
    assert webhooks.is_public(f"::ffff:{address}") == webhooks.is_public(str(address))


def test_an_owner_can_read_his_secret(api: Any, user: Any) -> None:
    answer = api.get("/api/auth/webhook-secret")
    assert answer.json() == {"secret": webhooks.secret(user.pk)}
    assert answer["Cache-Control"] == "no-store"
    assert json.dumps(answer.json()).count("whsec_") == 1
