"""The only writer of `Job.state`.

Every transition is one guarded write that names where it comes from, and commits together with its
`JobEvent`. No row means somebody else was faster; the caller then leaves the job alone.
"""

from jobs.transitions.attempts import (
    Failure,
    cancelled,
    claim,
    complete,
    fail,
    record_failure,
    release,
    renew,
    requeue_due,
    wait_for_children,
)
from jobs.transitions.ends import EMAIL, WEBHOOK, wake_parents
from jobs.transitions.people import cancel, cancel_children, reprioritise, retry, retry_failed_children

__all__ = [
    "EMAIL",
    "WEBHOOK",
    "Failure",
    "cancel",
    "cancel_children",
    "cancelled",
    "claim",
    "complete",
    "fail",
    "record_failure",
    "release",
    "renew",
    "reprioritise",
    "requeue_due",
    "retry",
    "retry_failed_children",
    "wait_for_children",
    "wake_parents",
]
