"""Telling another server that a job has ended: signed, to public addresses only, itself a durable job.

Signatures follow Standard Webhooks (standardwebhooks.com): `webhook-id`, `webhook-timestamp`,
`webhook-signature`. The delivery job is stored in the transaction that ends the job it tells of.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from pydantic import BaseModel

from jobs.context import JobContext
from jobs.exceptions import PermanentError, RetryLater, TransientError
from jobs.models import Job
from jobs.registry import job_handler
from jobs.retry import RetryPolicy
from jobs.serializers import job_payload
from jobs.transitions import WEBHOOK

TIMEOUT_SECONDS: Final = 5.0
MAX_ANSWER_BYTES: Final = 64 * 1024


class WebhookArgs(BaseModel):
    """The ended job to tell of."""

    job_id: str


@dataclass(frozen=True)
class Target:
    """A checked address: connect to `ip`, speak to `host`."""

    host: str
    ip: str
    path: str

    @property
    def url(self) -> str:
        address = f"[{self.ip}]" if ":" in self.ip else self.ip
        return f"https://{address}{self.path}"


def secret(owner_id: Any) -> str:
    """The owner's signing secret, `whsec_…`: derived, so that nothing is stored and every host has it."""
    key = hmac.new(settings.SECRET_KEY.encode(), f"webhook:{owner_id}".encode(), hashlib.sha256).digest()
    return f"whsec_{base64.b64encode(key).decode()}"


def resolve(url: str) -> Target:
    """Check a callback address and resolve it once. What is checked is what is connected to.

    Raises PermanentError for what is not https on port 443 without credentials, or leads to an address that
    is not public; TransientError when the name cannot be resolved now.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError:
        raise _refused("it is not an address") from None
    if parts.scheme != "https" or port != 443 or not parts.hostname:
        raise _refused("it must be https on port 443")
    if parts.username or parts.password:
        raise _refused("it must not hold a user name or password")
    try:
        found = socket.getaddrinfo(parts.hostname, 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise TransientError(
            f"The name of the callback address could not be resolved: {parts.hostname}", code="callback_dns"
        ) from error
    addresses = [str(entry[4][0]) for entry in found]
    # One private address among them is enough: which one a later look-up gives is the name's owner's choice.
    if not addresses or not all(is_public(address) for address in addresses):
        raise _refused("it does not lead to a public address")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.hostname, addresses[0], path)


def is_public(address: str) -> bool:
    """Whether an IP address is one that anybody may reach: no loopback, private, link-local or mapped one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        # NAT64 (RFC 6052) carries an IPv4 address in its last 32 bits.
        if ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return inner.is_global and not inner.is_multicast
    return ip.is_global and not ip.is_multicast


def body_of(job: Job) -> str:
    """What is sent: `{"type": "job.completed", "timestamp", "data": the job as in the API}`."""
    at = job.finished_at or datetime.now(UTC)
    return json.dumps(
        {"type": f"job.{job.state}", "timestamp": at.isoformat(), "data": job_payload(job)}, default=str
    )


@job_handler(
    WEBHOOK,
    queue="system",
    args=WebhookArgs,
    timeout=60,
    network=True,
    retry=RetryPolicy(attempts=8, base=5.0, cap=3600.0),
)
def deliver(context: JobContext, args: WebhookArgs) -> dict[str, Any]:
    """Send the notification once; the answer decides whether it is tried again."""
    job = Job.objects.filter(pk=args.job_id).select_related("progress").first()
    if job is None or not job.callback_url:
        return {"skipped": "the job is gone"}
    # Not with the site: only the sandbox needs it.
    from standardwebhooks.webhooks import Webhook

    target = resolve(job.callback_url)
    body = body_of(job)
    at = datetime.now(UTC)
    # The id is that of the delivery, the same in each attempt, so that a receiver can drop repeats.
    identity = f"msg_{context.job_id.hex}"
    headers = {
        "host": target.host,
        "content-type": "application/json",
        "user-agent": "Millrace-Webhook/1",
        "webhook-id": identity,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret(job.owner_id)).sign(identity, at, body),
    }
    return {"status": _post(target, headers, body)}


def _post(target: Target, headers: dict[str, str], body: str) -> int:
    import httpx

    # The certificate is checked for the name, though the connection goes to the address that was checked.
    extensions = {"sni_hostname": target.host}
    options: dict[str, Any] = {"timeout": TIMEOUT_SECONDS, "follow_redirects": False, "trust_env": False}
    try:
        with (
            httpx.Client(**options, verify=tls()) as client,
            client.stream("POST", target.url, headers=headers, content=body, extensions=extensions) as answer,
        ):
            read = 0
            for chunk in answer.iter_raw():
                read += len(chunk)
                if read > MAX_ANSWER_BYTES:
                    break  # nobody wants to know more
            return _judge(answer.status_code, answer.headers.get("retry-after", ""))
    except httpx.HTTPError as error:
        raise TransientError(
            f"The callback address did not answer: {type(error).__name__}", code="callback_unreachable"
        ) from error


def tls() -> ssl.SSLContext:
    """Who is believed to be who he says."""
    return ssl.create_default_context()


def _judge(status: int, retry_after: str) -> int:
    if 200 <= status < 300:
        return status
    if status in (429, 503) and retry_after.isdigit():
        raise RetryLater(
            "The callback address asks to wait.", delay=min(int(retry_after), 3600), code="callback_busy"
        )
    if status in (408, 425, 429) or status >= 500:
        raise TransientError(f"The callback address answered {status}.", code="callback_failed")
    # 410 and the like: the receiver does not want it; redirects are not followed.
    raise PermanentError(f"The callback address answered {status}.", code="callback_refused")


def _refused(why: str) -> PermanentError:
    return PermanentError(f"The callback address is not used: {why}.", code="callback_refused")
