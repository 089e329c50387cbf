"""Telling a person by e-mail that a job has ended, when they asked for it: itself a durable job.

The mail goes through Django's mail backend (`EMAIL_URL`). Its job is stored in the transaction that ends the
job it tells of.
"""

from __future__ import annotations

import smtplib
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from pydantic import BaseModel

from jobs.context import JobContext
from jobs.exceptions import PermanentError, TransientError
from jobs.models import Job
from jobs.preferences import forget, mail_owed
from jobs.registry import job_handler
from jobs.retry import RetryPolicy
from jobs.states import State
from jobs.transitions import EMAIL

_SUBJECTS = {State.COMPLETED: "Done", State.FAILED: "Failed"}


class EmailArgs(BaseModel):
    """The ended job to tell of."""

    job_id: str


@job_handler(
    EMAIL,
    queue="system",
    args=EmailArgs,
    timeout=60,
    network=True,
    retry=RetryPolicy(attempts=8, base=5.0, cap=3600.0),
)
def deliver(context: JobContext, args: EmailArgs) -> dict[str, Any]:
    """Send the mail once; what the mail server says decides whether it is tried again."""
    job = Job.objects.filter(pk=args.job_id).select_related("owner").first()
    if job is None:
        return {"skipped": "the job is gone"}
    forget(job.owner_id)
    if not mail_owed(job, job.state):
        return {"skipped": "it is not wanted any more"}
    address = getattr(job.owner, "email", "")
    if not address:
        return {"skipped": "the account has no address"}
    message = EmailMessage(
        subject=f"{_SUBJECTS[State(job.state)]}: {title_of(job)}",
        body=body_of(job),
        to=[address],
        # The same in every attempt, so that a mailbox can drop repeats; and no answers by robots.
        headers={"Message-ID": f"<{context.job_id.hex}@millrace>", "Auto-Submitted": "auto-generated"},
    )
    try:
        message.send()
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        raise _refused(error) from None
    except (smtplib.SMTPAuthenticationError, smtplib.SMTPNotSupportedError):
        raise PermanentError(
            "The mail server does not accept this site: check EMAIL_URL.", code="email_setup"
        ) from None
    except (smtplib.SMTPException, OSError) as error:
        raise TransientError(
            f"The mail server could not be reached: {type(error).__name__}.", code="email_unreachable"
        ) from None
    return {"sent": True}


def title_of(job: Job) -> str:
    """What a person calls the job: its file or title where it has one, else its kind. One line."""
    result = job.result if isinstance(job.result, dict) else {}
    name = next((str(found) for key in ("title", "filename") if (found := result.get(key))), job.kind)
    return " ".join(name.split())[:150]


def body_of(job: Job) -> str:
    """What is said: what became of it, why, and where to look. No result: a mailbox is not the site."""
    lines = [f"Your job “{title_of(job)}” ({job.kind}) "]
    if job.state == State.COMPLETED:
        lines[0] += "is done."
    else:
        lines[0] += "has failed."
        lines.append(str((job.error or {}).get("message", "")))
    lines += [
        f"{settings.PUBLIC_URL}/api/jobs/{job.pk}",
        f"You asked for this mail. To change that: {settings.PUBLIC_URL}/notifications",
    ]
    return "\n\n".join(filter(None, lines)) + "\n"


def _refused(error: smtplib.SMTPException) -> PermanentError | TransientError:
    codes = (
        [code for code, _ in error.recipients.values()]
        if isinstance(error, smtplib.SMTPRecipientsRefused)
        else [getattr(error, "smtp_code", 0)]
    )
    if all(400 <= code < 500 for code in codes):
        return TransientError("The mail server asks to try again later.", code="email_later")
    return PermanentError("The mail server refused the mail or its address.", code="email_refused")
