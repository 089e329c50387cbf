"""What others may listen to. Sent after the fact is in the ledger; a receiver can not change it.

`queued(jobs)`, `withdrawn(jobs)`: jobs entered or left their line. `recorded(job, event)`: a durable event
was written. `job_ended(job)`: a job reached its terminal state. `cancel_requested(job)`: a running job was
asked to end. `tick`: a janitor made its slower round, about every ten seconds on one host.
"""

from django.dispatch import Signal

queued = Signal()
withdrawn = Signal()
recorded = Signal()
job_ended = Signal()
cancel_requested = Signal()
tick = Signal()
