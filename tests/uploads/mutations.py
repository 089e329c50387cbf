"""Child of the mutation test: opens seeded mutants of real documents one after another and reports each.

Prints one line before and one after each mutant, so that the parent knows which one killed or held it.
"""

from __future__ import annotations

import random
import resource
import sys
import tempfile
from pathlib import Path

from jobs.exceptions import JobError
from tests.uploads.documents import FIXTURES, pdf
from uploads.extraction import Limits, open_document
from uploads.signatures import identify

SOURCES = [
    "documents/SampleDoc.docx",
    "documents/FieldCodes.docx",
    "documents/par-rendered-page-breaks.docx",
    "documents/blk-paras-and-tables.docx",
    "documents/minimal-document.pdf",
    "documents/crazyones-pdfa.pdf",
    "documents/pdflatex-4-pages.pdf",
    "encrypted/r5-empty-password.pdf",
    "hostile/helloworld-bad.pdf",
]
MEMORY = 2 * 1024**3


def mutant(seed: int) -> tuple[str, bytes]:
    """Return the name and the bytes of mutant `seed`: flipped, cut, repeated or swapped pieces."""
    chance = random.Random(seed)
    name = chance.choice([*SOURCES, "made.pdf"])
    data = bytearray(pdf(4) if name == "made.pdf" else (FIXTURES / name).read_bytes())
    for _ in range(chance.choice((1, 3, 10, 50))):
        at = chance.randrange(len(data))
        match chance.randrange(5):
            case 0:
                data[at] = chance.randrange(256)
            case 1:
                data[at] ^= 1 << chance.randrange(8)
            case 2:
                del data[at : at + chance.randrange(1, 40)]
            case 3:
                data[at:at] = data[at : at + chance.randrange(1, 400)]
            case _:
                data[at : at + 4] = chance.choice((b"9999", b"\xff\xff\xff\xff", b"\0\0\0\0", b"-1 0"))
        if not data:
            data = bytearray(b"%PDF-")
    return Path(name).suffix[1:], bytes(data)


def main(first: int, last: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mutant"
        for seed in range(first, last):
            print(f"begin {seed}", flush=True)
            kind, content = mutant(seed)
            path.write_bytes(content)
            for gate in (True, False):  # what the gate would stop, the readers must withstand too
                try:
                    if gate:
                        identify(path, f"mutant.{kind}")
                    with open_document(path, kind, limits=Limits(characters=1_000_000)) as document:
                        count = sum(1 for _ in document.pages())
                        count += len(document.links) * 0
                    outcome = f"read:{count}"
                except JobError as refusal:
                    outcome = f"refused:{refusal.code}"
            print(f"end {seed} {outcome}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
