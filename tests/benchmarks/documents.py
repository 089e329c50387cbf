"""Documents through the whole site, beside bare scripts that call the same libraries.

`python -m tests.benchmarks.documents [--pages 1000] [--big 1300] [--megabytes 49]`

Prints: pages a second of reading (progress and storage included) and of a bare pypdfium2 loop; seconds and
peak memory of the whole job and of a bare script; seconds until the first partial result.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.uploads.documents import FIXTURES
from tests.uploads.running import ROOT, Site, running_site

LOOP = """
import sys, time, pypdfium2
began = time.perf_counter()
document = pypdfium2.PdfDocument(sys.argv[1])
characters = 0
for number in range(len(document)):
    page = document[number]
    text = page.get_textpage()
    characters += len(text.get_text_range())
    text.close(); page.close()
print(time.perf_counter() - began)
"""

SCRIPT = """
import json, resource, sys, time
began = time.perf_counter()
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
import django
django.setup()
from pathlib import Path
from uploads.extraction import chunking, cleaning, language
from uploads.extraction.base import Page, open_document
from enrichment.providers.base import request
from enrichment.providers.builtin import BuiltinProvider
with open_document(Path(sys.argv[1]), "pdf") as document:
    read = [page for page in document.pages()]
texts = cleaning.clean([page.text for page in read])
chunks = [c for c in chunking.chunk([Page(p.number, t) for p, t in zip(read, texts)]) if c.text.strip()]
language.detect(chunks[0].text)
provider = BuiltinProvider()
passages = [
    {"index": c.index, "text": c.text, "page_start": c.page_start, "page_end": c.page_end} for c in chunks
]
provider.complete(request("document.analyse", {"title": "", "passages": passages}))
provider.embed([c.text for c in chunks])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([time.perf_counter() - began, peak, len(chunks)]))
"""


def make_pdf(path: Path, pages: int, megabytes: int = 0) -> None:
    """Merge real papers to `pages` pages; a picture stream nobody shows fills the file to `megabytes`."""
    import os

    import pypdfium2

    target = pypdfium2.PdfDocument.new()
    source = pypdfium2.PdfDocument(FIXTURES / "papers" / "N18-3011.pdf")
    while len(target) < pages:
        target.import_pages(source, list(range(min(len(source), pages - len(target)))))
    left = megabytes * 1024 * 1024
    if left:
        target.new_attachment("filling.bin").set_data(os.urandom(max(0, left - 174_000 * pages // 8)))
    target.save(path)


def bare(code: str, pdf: Path) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", code, str(pdf)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.strip().splitlines()[-1])


class Peak:
    """The largest resident set below the cluster while something runs, in MB."""

    def __init__(self, site: Site) -> None:
        self.megabytes = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, args=(site,))

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self, site: Site) -> None:
        import psutil

        while not self._over.wait(0.25):
            try:
                self.megabytes = max(self.megabytes, site.peak_rss() / 1024 / 1024)
            except psutil.Error:
                continue


def process(site: Site, pdf: Path) -> tuple[dict[str, Any], dict[str, float]]:
    """Upload and wait; the job, and seconds from its start to its first word of each kind."""
    with pdf.open("rb") as content:
        answer = site.client.post("/api/documents/async-upload", files={"files": (pdf.name, content)})
    answer.raise_for_status()
    job = site.wait(answer.json()["jobs"][0]["jobId"], 600)
    if job["status"] != "completed":
        raise RuntimeError(str(job["error"]))
    moments: dict[str, float] = {}
    since, final = 0, False
    while not final:
        page = site.client.get(f"/api/jobs/{job['jobId']}/events?since={since}").json()
        for event in page["events"]:
            at = datetime.fromisoformat(event["at"]).timestamp()
            name = event.get("stage") or event.get("key") or event.get("event") or event["type"]
            moments.setdefault(f"{event['type']}:{name}", at)
        final, since = page["final"] or not page["events"], page["seq"]
    return job, moments


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--big", type=int, default=1300)
    parser.add_argument("--megabytes", type=int, default=57)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        small, big, warm = data / "pages.pdf", data / "big.pdf", data / "warm.pdf"
        make_pdf(warm, 3)
        make_pdf(small, options.pages)
        make_pdf(big, options.big, options.megabytes)
        with running_site(data / "site", MAX_DOCUMENT_MB="100") as site:
            process(site, warm)
            _, moments = process(site, small)
            reading = moments["stage:split"] - moments["stage:extract"]
            loop = min(float(bare(LOOP, small)) for _ in range(3))
            print(
                f"reading {options.pages} pages: {options.pages / reading:.0f} pages/s in the job, "
                f"{options.pages / loop:.0f} in a bare loop: {loop / reading:.0%}"
            )
            with Peak(site) as peak:
                began = time.perf_counter()
                _, moments = process(site, big)
                took = time.perf_counter() - began
            started = moments.get("state:started", min(moments.values()))
            first = min(at for name, at in moments.items() if name.startswith("partial"))
            print(f"first partial result {first - started:.2f} s after the start")
            seconds, megabytes, chunks = bare(SCRIPT, big)
            print(
                f"{options.big} pages, {big.stat().st_size / 1048576:.0f} MB, {chunks} chunks: "
                f"job {took:.1f} s, {peak.megabytes:.0f} MB; "
                f"bare script {seconds:.1f} s, {megabytes:.0f} MB: "
                f"{took / seconds:.2f} × the time, {peak.megabytes / megabytes:.2f} × the memory"
            )


if __name__ == "__main__":
    main()
