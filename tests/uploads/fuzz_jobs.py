"""Damaged files through the real API and real workers: no dead worker, no hang, no 500.

`python -m tests.uploads.fuzz_jobs --files 300` prints a table; it ends with status 1 when a rule is broken.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.uploads import mutations
from tests.uploads.documents import FIXTURES
from tests.uploads.running import ENDED, Site, running_site

LIMIT_SECONDS = 120
VIDEOS = ("video/flower.mp4", "video/pig.webm", "video-hostile/minimal.mp4")


@dataclass
class Outcome:
    """What became of the files: counts by "status code", and what must not happen."""

    counts: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    seconds: float = 0.0


def video_mutant(seed: int) -> tuple[str, bytes]:
    chance = random.Random(seed)
    name = chance.choice(VIDEOS)
    data = bytearray((FIXTURES / name).read_bytes())
    for _ in range(chance.choice((1, 5, 30, 200))):
        at = chance.randrange(12, len(data))
        if chance.random() < 0.8:
            data[at] = chance.randrange(256)
        else:
            del data[at : at + chance.randrange(1, 200)]
        if len(data) < 64:
            break
    return Path(name).suffix[1:], bytes(data)


def send(site: Site, seed: int) -> tuple[int, str, str | None]:
    """Upload one mutant (every third a video); status, code and job."""
    if seed % 3 == 2:
        ending, content = video_mutant(seed)
        answer = site.client.post("/api/upload/video-intro", files={"video": (f"{seed}.{ending}", content)})
        body = answer.json()
        return answer.status_code, body.get("error", {}).get("code", ""), body.get("data", {}).get("jobId")
    ending, content = mutations.mutant(seed)
    answer = site.client.post("/api/documents/async-upload", files={"files": (f"{seed}.{ending}", content)})
    body = answer.json()
    jobs = body.get("jobs") or [{}]
    return answer.status_code, body.get("code", ""), jobs[0].get("jobId")


def fuzz(files: int, data: Path, *, first: int = 0) -> Outcome:
    """Send `files` mutants, wait for every job, and look at what is left."""
    found = Outcome()
    began = time.monotonic()
    with running_site(data, QUOTA_UNFINISHED_JOBS="10000") as site:
        jobs: dict[str, int] = {}
        for seed in range(first, first + files):
            status, code, job = send(site, seed)
            if status >= 500:
                found.broken.append(f"seed {seed}: HTTP {status}")
            if job is None:
                found.counts[f"HTTP {status} {code}"] += 1
            else:
                jobs[job] = seed
        before = site.workers()
        for job, seed in jobs.items():
            try:
                ended = site.wait(job, LIMIT_SECONDS)
            except TimeoutError as error:
                found.broken.append(f"seed {seed}: {error}")
                continue
            code = (ended["error"] or {}).get("code", "")
            found.counts[f"{ended['status']} {code}".strip()] += 1
            if ended["status"] not in ENDED or code in (
                "poisoned",
                "worker_lost",
                "timeout",
                "error",
                "transient",
            ):
                found.broken.append(f"seed {seed}: {ended['status']} {ended['error']}")
        if not before <= site.workers():
            found.broken.append(f"workers died: {sorted(before - site.workers())}")
        deaths = site.rows(
            "select cause, message, count(*) as n from job_failures "
            "where cause in ('sandbox_died', 'worker_died', 'lease_expired', 'timeout') group by 1, 2"
        )
        found.counts.update({f"attempt ended by {row['cause']}": int(row["n"]) for row in deaths})
    found.seconds = time.monotonic() - began
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = fuzz(options.files, Path(folder), first=options.first)
    print(f"{options.files} files in {found.seconds:.0f} s")
    for name, count in found.counts.most_common():
        print(f"{count:5d}  {name}")
    for line in found.broken:
        print(f"BROKEN {line}")
    sys.exit(bool(found.broken))


if __name__ == "__main__":
    main()
