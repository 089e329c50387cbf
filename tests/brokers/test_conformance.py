"""What every broker must do. A message is a hint: whoever gets one twice, or loses one, changes nothing."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from django_q.signing import SignedPackage
from django_q.tasks import async_task

from jobs import brokers, queues, transitions
from jobs.board import Board
from jobs.brokers import JobBroker, RedisBroker
from jobs.enqueue import Spec, create, create_many
from jobs.maintenance import scheduler
from jobs.models import Job
from jobs.states import State
from tests.factories import UserFactory

Make = Callable[[str], JobBroker]


def work(owner: Any, *, queue: str = "ai", priority: int = 5, number: int = 1, **fields: Any) -> list[Job]:
    """`number` jobs of one owner in `queue`, put in line as a creation does."""
    jobs = create_many([Spec("tests.echo", priority=priority, **fields)] * number, owner=owner)
    if queue != "ai":
        Job.objects.filter(pk__in=[job.pk for job in jobs]).update(queue=queue)
        brokers.job_broker().remove(jobs)
        jobs = list(Job.objects.filter(pk__in=[job.pk for job in jobs]).order_by("id"))
        brokers.job_broker().put(jobs)
    return jobs


def drain(broker: JobBroker) -> list[uuid.UUID]:
    """Everything the broker hands out now."""
    taken = []
    while (job_id := broker.take()) is not None:
        taken.append(job_id)
    return taken


def ids(jobs: list[Job]) -> list[uuid.UUID]:
    return [job.id for job in jobs]


def test_a_higher_priority_is_handed_out_first(make_broker: Make) -> None:
    owner = UserFactory()
    low, high, normal = (work(owner, priority=p) for p in (1, 20, 5))
    assert drain(make_broker("ai")) == ids(high + normal + low)


def test_within_a_priority_the_older_job_comes_first(make_broker: Make) -> None:
    jobs = work(UserFactory(), number=25)
    assert drain(make_broker("ai")) == ids(jobs)


def test_within_a_priority_owners_take_turns(make_broker: Make) -> None:
    """A bulk of one owner does not stand before another's single job."""
    bulk = work(UserFactory(), number=20)
    single = work(UserFactory())
    assert drain(make_broker("ai")).index(single[0].id) <= 1
    assert len(bulk) == 20


def test_an_owners_later_jobs_stand_behind_his_earlier_ones(make_broker: Make) -> None:
    owner, newcomer = UserFactory(), UserFactory()
    first, second = work(owner, number=4), work(owner, number=4)
    broker = make_broker("ai")
    served = [broker.take() for _ in range(2)]
    for job_id in served:
        assert job_id and transitions.claim(job_id, worker="w", lease=30)
    single = work(newcomer)
    assert served + drain(broker) == ids([*first[:3], *single, first[3], *second])


def test_a_pool_serves_its_own_queue_first_and_helps_more_urgent_ones_when_idle(make_broker: Make) -> None:
    owner = UserFactory()
    critical = work(owner, queue="enrichment-critical", priority=20)
    own = work(owner, queue="enrichment-high", priority=10)
    assert drain(make_broker("enrichment-high")) == ids(own + critical)


def test_a_pool_never_serves_a_less_urgent_queue(make_broker: Make) -> None:
    work(UserFactory(), queue="enrichment-low", priority=1)
    assert drain(make_broker("enrichment-high")) == []


def test_a_pool_of_several_queues_serves_them_in_one_order_of_priority(make_broker: Make) -> None:
    owner = UserFactory()
    first = work(owner, queue="video", priority=3)
    second = work(owner, queue="document", priority=9)
    assert drain(make_broker("all")) == ids(second + first)


def test_no_job_is_handed_out_twice_to_eight_consumers_at_once(make_broker: Make) -> None:
    jobs = work(UserFactory(), number=80)
    taken: list[uuid.UUID] = []
    errors: list[BaseException] = []
    start = threading.Barrier(8)

    def consume() -> None:
        try:
            broker = make_broker("ai")
            start.wait(10)
            taken.extend(drain(broker))
        except BaseException as error:  # noqa: BLE001  told to the test below
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=consume) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert sorted(taken) == sorted(ids(jobs))


def test_a_delayed_job_is_handed_out_when_its_time_has_come_and_not_before(make_broker: Make) -> None:
    broker = make_broker("ai")
    (job,) = work(UserFactory(), run_at=timezone.now() + timedelta(hours=1))
    scheduler.schedule(broker)
    assert drain(broker) == []
    Job.objects.filter(pk=job.pk).update(run_at=timezone.now() - timedelta(seconds=1))
    scheduler.schedule(broker)
    assert drain(broker) == [job.id]


def test_a_cancelled_job_leaves_the_line(make_broker: Make) -> None:
    first, second = work(UserFactory(), number=2)
    transitions.cancel(first)
    assert drain(make_broker("ai")) == [second.id]


def test_adding_a_job_again_hands_it_out_once(make_broker: Make) -> None:
    jobs = work(UserFactory(), number=3)
    brokers.job_broker().put(jobs)
    brokers.job_broker().put(jobs)
    assert drain(make_broker("ai")) == ids(jobs)


def test_a_second_message_for_a_job_claims_nothing(make_broker: Make) -> None:
    (job,) = work(UserFactory())
    assert transitions.claim(job.id, worker="one", lease=30) is not None
    assert transitions.claim(job.id, worker="two", lease=30) is None


def test_a_reprioritised_job_moves_in_its_line(make_broker: Make) -> None:
    first, second = work(UserFactory(), number=2)
    transitions.reprioritise(second, 18)
    assert drain(make_broker("ai")) == [second.id, first.id]


def test_a_paused_queue_is_not_served_until_it_is_resumed(make_broker: Make) -> None:
    (job,) = work(UserFactory())
    queues.pause("ai", actor="operator")
    broker = make_broker("ai")
    assert drain(broker) == []
    queues.resume("ai", actor="operator")
    fresh = make_broker("ai")
    scheduler.schedule(fresh)
    assert drain(fresh) == [job.id]


def test_a_message_that_was_lost_on_its_way_is_found_again(make_broker: Make) -> None:
    """A killed cluster had taken the job out of its line and did not claim it."""
    broker = make_broker("ai")
    broker.reconcile()
    (job,) = work(UserFactory())
    scheduler.schedule(broker)
    assert drain(broker) == [job.id]
    Job.objects.filter(pk=job.pk).update(dispatched_at=timezone.now() - timedelta(seconds=60))
    assert broker.reconcile() == 1
    scheduler._last.clear()
    scheduler.schedule(broker)
    assert drain(broker) == [job.id]


def test_an_emptied_line_is_rebuilt_in_its_order(make_broker: Make) -> None:
    owner = UserFactory()
    broker = make_broker("ai")
    broker.reconcile()
    normal, high = work(owner, number=5), work(owner, number=5, priority=15)
    scheduler.schedule(broker)
    if isinstance(broker, RedisBroker):
        broker.connection.flushall()
    scheduler._last.clear()
    scheduler.schedule(broker)
    assert drain(broker) == ids(high + normal)


def test_a_message_carries_a_job_id_and_nothing_else(make_broker: Make) -> None:
    (job,) = work(UserFactory())
    ((receipt, package),) = make_broker("ai").dequeue() or []
    task = SignedPackage.loads(package)
    assert (receipt, task["func"], task["args"], task["kwargs"]) == (
        None,
        "jobs.tasks.run_job",
        (str(job.id),),
        {},
    )


def test_an_ordinary_django_q2_task_still_gets_through(make_broker: Make) -> None:
    broker = make_broker("system")
    async_task("math.gcd", 12, 18, broker=broker)
    deadline = time.monotonic() + 10
    while not (messages := broker.dequeue()):
        assert time.monotonic() < deadline, "the task was not handed out in 10 s"
    ((receipt, package),) = messages
    assert SignedPackage.loads(package)["args"] == (12, 18)
    broker.acknowledge(receipt)
    assert not broker.dequeue()


def test_an_empty_line_answers_none_within_about_a_second(make_broker: Make) -> None:
    began = time.monotonic()
    assert make_broker("ai").dequeue() is None
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("state", [State.RUNNING, State.COMPLETED])
def test_what_does_not_wait_any_more_cannot_be_claimed(make_broker: Make, state: State) -> None:
    job = create("tests.echo", {}, owner=UserFactory())
    running = transitions.claim(job.id, worker="one", lease=30)
    assert running is not None
    if state == State.COMPLETED:
        from jobs.ledger import Fence

        assert (
            transitions.complete(running, Fence(running.id, running.attempt, running.claim), {}) is not None
        )
    assert transitions.claim(job.id, worker="two", lease=30) is None


def run_one(broker: JobBroker) -> Job:
    """Take the next job and claim it, as a worker does."""
    job_id = broker.take()
    assert job_id
    job = transitions.claim(job_id, worker="w", lease=30)
    assert job
    return job


def test_a_guest_is_the_next_job_of_an_owner_who_has_none_running(make_broker: Make) -> None:
    bulk = work(UserFactory(), number=20)
    broker = make_broker("ai")
    first = run_one(broker)
    assert first.id == bulk[0].id
    assert broker.take_guest() is None, "an owner who has one running is no guest"
    single = work(UserFactory())
    assert broker.take_guest() == single[0].id
    assert broker.take_guest() is None
    assert drain(broker) == ids(bulk[1:]), "a guest is taken once, and the line stays as it was"


def test_the_guest_of_the_higher_priority_comes_first(make_broker: Make) -> None:
    work(UserFactory(), number=3)
    broker = make_broker("ai")
    run_one(broker)
    normal, urgent = work(UserFactory()), work(UserFactory(), priority=18)
    assert [broker.take_guest(), broker.take_guest()] == ids(urgent + normal)


def test_who_runs_a_job_in_another_queue_of_the_pool_is_no_guest(make_broker: Make) -> None:
    owner = UserFactory()
    work(owner, queue="document")
    everything, documents = make_broker("all"), make_broker("document")
    run_one(documents)
    other = work(owner)
    assert everything.take_guest() is None
    assert make_broker("ai").take_guest() == other[0].id, "in its own pool it is"


def test_a_full_cluster_hands_out_guests_and_nothing_else(make_broker: Make) -> None:
    broker = make_broker("ai")
    assert broker.pool
    board = Board(places=1, guest_places=1)
    broker.serve(broker.pool, board)
    for slot in (0, 1):
        board.slots[slot].pid = os.getpid()
    work(UserFactory(), number=3)
    message = handed(broker)
    board.slots[0].taken, board.slots[0].busy_since = 1, time.monotonic()
    assert transitions.claim(message, worker="w", lease=30)
    assert broker.dequeue() is None
    assert not board.over()
    single = work(UserFactory())
    assert handed(broker) == single[0].id
    board.slots[1].taken, board.slots[1].busy_since = 1, time.monotonic()
    work(UserFactory())
    assert broker.dequeue() is None, "the guests' place is taken too"
    assert board.over()
    board.slots[1].busy_since = 0.0
    board.handed.value += 1
    assert board.over(), "what is on its way to a worker will be busy too"
    board.close()


def handed(broker: JobBroker) -> uuid.UUID:
    """The job of the message that django-q2's pull gets."""
    messages = broker.dequeue()
    assert messages
    ((_, payload),) = messages
    return uuid.UUID(SignedPackage.loads(payload)["args"][0])
