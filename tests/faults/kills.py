"""Fault 1: processes of a worker host are killed, one kind at a time."""

from __future__ import annotations

import time

from tests.faults.check import check
from tests.faults.processes import kill, lock_holder
from tests.faults.waiting import TooLate, wait
from tests.faults.world import LEASE, World


def _sandboxes(world: World, times: int) -> None:
    web, cluster = world.web(), world.cluster()
    pids = set(cluster.workers())
    world.submit(web, times=times * 2, seconds=0.6)
    hurt: set[str] = set()
    slowest = 0.0
    for _ in range(times):
        job, attempt, _, box = world.some_running(hurt)
        hurt.add(job)
        slowest = max(slowest, world.noticed(job, attempt, kill(box), LEASE + 5))
    world.settle()
    world.within(slowest, 1, "sandbox death noticed in")
    world.expect(pids == set(cluster.workers()), "workers", "a worker was replaced")


@check("sandbox child killed 20 times", without="obituary", breaks="late", proof=lambda w: _sandboxes(w, 1))
def sandboxes(world: World) -> None:
    _sandboxes(world, 20)


@check(
    "sandbox child killed", without="obituary", breaks="late", short=True, proof=lambda w: _sandboxes(w, 1)
)
def one_sandbox(world: World) -> None:
    _sandboxes(world, 3)


@check(
    "sandbox child killed (SQLite)",
    without="obituary",
    breaks="late",
    embedded=True,
    proof=lambda w: _sandboxes(w, 1),
)
def sandboxes_embedded(world: World) -> None:
    _sandboxes(world, 10)


def _workers(world: World, times: int) -> None:
    web = world.web()
    world.cluster()
    world.submit(web, times=times * 5, seconds=0.6)
    hurt: set[str] = set()
    slowest = 0.0
    for _ in range(times):
        job, attempt, worker, _ = world.some_running(hurt)
        hurt.add(job)
        slowest = max(slowest, world.noticed(job, attempt, kill(worker), 10))
    world.settle()
    world.within(slowest, 2, "worker death noticed in")


@check("busy worker killed 10 times", without="rescuer", breaks="stuck", proof=lambda w: _workers(w, 1))
def workers(world: World) -> None:
    _workers(world, 10)


@check("busy worker killed", without="rescuer", breaks="stuck", short=True, proof=lambda w: _workers(w, 1))
def one_worker(world: World) -> None:
    _workers(world, 2)


@check(
    "busy worker killed (SQLite)",
    without="rescuer",
    breaks="stuck",
    embedded=True,
    proof=lambda w: _workers(w, 1),
)
def workers_embedded(world: World) -> None:
    _workers(world, 5)


@check("idle worker killed", without="watchdog", breaks="stuck", short=True)
def idle_worker(world: World) -> None:
    """It holds the lock of django-q2's queue: nobody else can take work until the cluster is replaced."""
    web, cluster = world.web(), world.cluster()
    world.warm(web)
    at = kill(wait(lambda: lock_holder(cluster.workers()), 10, "a worker that holds the queue's lock"))
    world.submit(web, times=6, seconds=0.1)
    world.settle(40)
    world.outcome.recoveries.append(time.monotonic() - at)
    if not world.without:
        world.within(time.monotonic() - at, 20, "wedged cluster replaced and its work done in")


def _role(world: World, role: str) -> None:
    web, cluster = world.web(), world.cluster()
    running = world.submit(web, times=3, seconds=3)
    for job in running:
        world.started(job)
    cluster.tree()
    at = kill(getattr(cluster, role)() if role != "parent" else cluster.pid)
    if role == "parent":
        cluster.process.wait(10)
        world.no_orphans()
        world.cluster("again")
    world.submit(web, times=6, seconds=0.2)
    world.settle(60)
    world.outcome.recoveries.append(time.monotonic() - at)
    # Workers that are busy take the next job by themselves; idle ones need every part of the cluster.
    world.submit(web, times=3)
    world.settle()


@check("sentinel killed", without="watchdog,rescuer", breaks="stuck")
def sentinel(world: World) -> None:
    _role(world, "sentinel")


@check("pusher killed", without="reincarnation", breaks="stuck")
def pusher(world: World) -> None:
    _role(world, "pusher")


@check("monitor killed", without="reincarnation", breaks="tasks")
def monitor(world: World) -> None:
    """Only django-q2's own tasks need it; killed idle, it holds the lock of their results."""
    _role(world, "monitor")
    task = world.django_task()
    try:
        wait(
            lambda: world.ledger.rows("SELECT id FROM django_q_task WHERE id = %s", task),
            15,
            "the task's result",
        )
    except TooLate as late:
        world.expect(False, "tasks", str(late))


@check("parent process killed", without="kinship", breaks="orphans")
def parent(world: World) -> None:
    _role(world, "parent")


@check("parent process killed (SQLite)", without="kinship", breaks="orphans", embedded=True)
def parent_embedded(world: World) -> None:
    _role(world, "parent")


def _tree(world: World) -> None:
    """Every process at once, with work in every worker and in every queue between them; then a new start."""
    web, cluster = world.web(), world.cluster()
    world.warm(web)
    running = world.submit(web, times=3, seconds=3)
    world.submit(web, times=40, seconds=0.05)
    for job in running:
        world.started(job)
    at = time.monotonic()
    cluster.kill_tree()
    world.no_orphans()
    world.cluster("again")
    begun = time.monotonic()
    slowest = max(world.noticed(job, 1, begun, LEASE + 20) for job in running)
    world.settle()
    world.outcome.notes.append(f"all done {time.monotonic() - at:.1f} s after the kill")
    world.within(slowest, 2, "dead attempts noticed by the new cluster in")


@check("whole worker tree killed, started again", without="rescuer", breaks="stuck")
def tree(world: World) -> None:
    _tree(world)


@check("whole worker tree killed, started again (SQLite)", without="rescuer", breaks="stuck", embedded=True)
def tree_embedded(world: World) -> None:
    _tree(world)


@check("whole host dies, another goes on", without="rescuer", breaks="stuck")
def host(world: World) -> None:
    """The dead host's jobs come back by their leases alone: the other host cannot see its processes."""
    web = world.web()
    doomed = world.cluster("doomed", FAULTS_HOST="doomed")
    world.cluster("other", FAULTS_HOST="other")
    world.submit(web, times=12, seconds=3)

    def held() -> list[tuple[str, int]]:
        effects = world.effects.read()
        return [
            (row["id"], row["attempt"])
            for row in world.ledger.rows("SELECT * FROM background_jobs WHERE state = 'running'")
            if row["worker"].startswith("doomed") and effects.started(row["id"], row["attempt"])
        ]

    jobs = wait(held, 30, "the doomed host to hold a job")
    at = time.monotonic()
    doomed.kill_tree()
    slowest = max(world.noticed(job, attempt, at, LEASE + 20) for job, attempt in jobs)
    world.settle()
    world.no_orphans()
    world.within(slowest, LEASE + 5, "dead host noticed in")
