"""Fault 8: no room where files are made and kept."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.faults.check import Impossible, check
from tests.faults.waiting import wait
from tests.faults.web import Web
from tests.faults.world import World

MEGABYTES = 96
_DOCUMENT = b"There is no room for this sentence today.\n" * 100_000


def _full(world: World, jobs: int) -> None:
    """DATA_DIR is a small, full file system: jobs fail as `storage`, and complete once there is room."""
    disk = world.data
    if os.geteuid() != 0:
        raise Impossible("mounting a small file system needs root")
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "faults", str(disk)])
    if made.returncode:
        raise Impossible("a tmpfs cannot be mounted here")
    try:
        _filled(world, jobs)
    finally:
        for process in (*world.webs, *world.clusters):
            process.end()
        subprocess.run(["umount", "-l", str(disk)], check=True)


def _filled(world: World, jobs: int) -> None:
    web = world.web()
    world.cluster()
    world.warm(web)
    stuffing = world.data / "stuffing"
    _stuff(world, stuffing)
    made = world.submit(web, "faults.store", times=jobs, megabytes=4, maxAttempts=2)
    _refused(world, web)
    world.settle()
    codes = {(world.ledger.job(job)["error"] or {}).get("code") for job in made}
    world.expect(codes == {"storage"}, "storage", f"failed as {codes}")
    stuffing.unlink()
    status, reply = web.upload(_DOCUMENT, "again.txt")
    world.expect(status == 202, "upload", f"with room again an upload is answered {status} {reply[:200]!r}")
    for job in made:
        web.retry(job)
        world.reruns[job] += 1
    world.settle()
    states = {world.ledger.job(job)["state"] for job in made}
    world.expect(states == {"completed"}, "storage", f"with room again they are {states}")
    files = [path for path in (world.data / "media").glob("*") if path.is_file()]
    whole = [path for path in files if path.stat().st_size == 4 * 1_048_576]
    world.expect(len(whole) == len(files) == jobs, "half", f"{len(files)} files, {len(whole)} whole")
    wait(lambda: not list((world.data / "scratch").rglob("made")), 90, "scratch to be empty", every=0.5)


def _refused(world: World, web: Web) -> None:
    """Uploads that find no room are told so, and leave nothing behind."""
    before = _uploads(world)
    for number in range(5):
        status, reply = web.upload(_DOCUMENT, f"{number}.txt")
        world.expect(status in (503, 507), "upload", f"without room an upload is answered {status} {reply!r}")
    left = _uploads(world) - before
    world.expect(not left, "half", f"refused uploads left {len(left)} files")


def _uploads(world: World) -> set[Path]:
    """Every file of an upload, arriving or kept."""
    places = (world.data / "media" / "document", world.data / "media" / "incoming")
    return {path for place in places for path in place.rglob("*") if path.is_file()}


def _stuff(world: World, path: object) -> None:
    """Leave two megabytes: enough to begin with, too little to end."""
    free = shutil.disk_usage(world.data).free
    with open(str(path), "wb") as file:
        file.write(b"\0" * (free - 2 * 1_048_576))


@check(
    "disk full under media and temp", without="errno", breaks="storage", proof=lambda world: _full(world, 2)
)
def full(world: World) -> None:
    _full(world, 10)
