"""What a search over one person's 20,000 chunks costs, about 15,000 pages.

`python -m tests.benchmarks.search [--chunks 20000]`

On SQLite, where the web process reads and compares the vectors; and on a PostgreSQL without and with pgvector
(a server of its own: see `tests.uploads.pgvector_server`), where with it the server does.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SYLLABLES = ("ba", "co", "di", "fe", "gu", "la", "mo", "ni", "pe", "ro", "su", "ta", "ve", "wi", "ze", "ki")
WORDS = ["".join(parts) for parts in itertools.product(SYLLABLES, repeat=3)]
QUERIES = 15
_BATCH = 1000


def inside(chunks: int, copies: bool) -> dict[str, Any]:
    """Fill this process's database and search it."""
    import django

    django.setup()
    import random

    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    from enrichment.analysis import embeddings
    from uploads.models import Chunk, Document, Upload
    from uploads.search import fusion, pgvector

    call_command("migrate", verbosity=0)
    user = get_user_model().objects.create_user("searcher")
    upload = Upload.objects.create(
        owner=user, purpose="document", name="a.txt", media_type="txt", size=1, sha256="0" * 64, key="a"
    )
    document = Document.objects.create(owner=user, upload=upload, title="A")
    dice = random.Random(7)
    for start in range(0, chunks, _BATCH):
        texts = [" ".join(dice.choices(WORDS, k=60)) for _ in range(min(_BATCH, chunks - start))]
        vectors = embeddings.embed(texts)
        Chunk.objects.bulk_create(
            Chunk(
                document=document, number=start + n, text=text, page_start=1, page_end=1, offset=0,
                engine=embeddings.ENGINE, dimension=embeddings.DIMENSION, vector=embeddings.pack(vector),
            )
            for n, (text, vector) in enumerate(zip(texts, vectors, strict=True))
        )  # fmt: skip
    if not copies:
        pgvector.ready = lambda: False  # type: ignore[assignment]
    elif pgvector.ready():
        while pgvector.fill():
            pass
    fusion.search("warm", owner_id=user.pk)
    times = []
    for _ in range(QUERIES):
        query = " ".join(dice.sample(WORDS, 3))
        began = time.perf_counter()
        found = fusion.search(query, owner_id=user.pk)
        times.append((time.perf_counter() - began) * 1000)
    return {
        "ms": statistics.median(times),
        "worst": max(times),
        "compared": found["method"]["vectorsCompared"],
    }


def outside(label: str, database: str, chunks: int, copies: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": database,
            "REDIS_URL": "", "LOG_LEVEL": "ERROR",
        }  # fmt: skip
        command = [sys.executable, "-m", "tests.benchmarks.search", "--inside", "--chunks", str(chunks)]
        more = [] if copies else ["--without-copies"]
        ran = subprocess.run([*command, *more], cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    found = json.loads(ran.stdout.splitlines()[-1])
    print(
        f"{label}: {found['compared']:,} vectors compared, median of {QUERIES} searches {found['ms']:.0f} ms "
        f"(worst {found['worst']:.0f})",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=20_000)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--without-copies", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print(json.dumps(inside(options.chunks, not options.without_copies)))
        return
    from tests.uploads.pgvector_server import MISSING, binaries, pgvector_server

    outside("SQLite", "", options.chunks, True)
    if binaries() is None:
        print(MISSING)
        return
    for label, copies in (("PostgreSQL", False), ("PostgreSQL with pgvector", True)):
        with pgvector_server() as server:
            outside(label, server.url, options.chunks, copies)


if __name__ == "__main__":
    main()
