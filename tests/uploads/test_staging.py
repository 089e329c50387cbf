"""A form as it arrives: the same whatever its pieces; a Problem and no file whatever is wrong."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from hypothesis import given
from hypothesis import strategies as st

from jobs.problems import Problem
from uploads import staging
from uploads.conf import Route
from uploads.staging import Form

TYPE = "multipart/form-data; boundary=edge"
ONE = Route("document")
MANY = Route("document", 3)
ENCODED = "Content-Transfer-Encoding: base64"


@pytest.fixture(autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory, settings: Any) -> Path:
    made = tmp_path_factory.mktemp("incoming")
    settings.FILE_UPLOAD_TEMP_DIR = str(made)
    settings.MAX_DOCUMENT_MB = 1
    return made


def part(content: bytes, name: str, filename: str | None = None, *more: str) -> bytes:
    shown = f'; filename="{filename}"' if filename is not None else ""
    head = [f'Content-Disposition: form-data; name="{name}"{shown}', *more]
    return b"--edge\r\n" + "\r\n".join(head).encode() + b"\r\n\r\n" + content + b"\r\n"


def body(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--edge--\r\n"


def read(data: bytes, *cuts: int, route: Route = MANY) -> Form:
    form = Form(TYPE, route)
    at = 0
    for cut in [*sorted(cut % (len(data) + 1) for cut in cuts), len(data)]:
        if cut > at:
            form.feed(data[at:cut])
        at = cut
    form.finish()
    return form


NEAR = [b"\r", b"\n", b"-", b"\r\n--edge", b"--edge--", b"\r\n--edg", b"\x00", b"text"]
PIECES = [part(b"x" * 99, "files", "a.txt"), part(b"1", "useAI"), b"--edge", b"--edge--", b"\r\n", b"\xff"]
near_boundaries = st.lists(st.sampled_from(NEAR), max_size=30).map(b"".join)


@given(
    files=st.lists(near_boundaries.filter(lambda data: b"\r\n--edge" not in b"\r\n" + data), max_size=3),
    fields=st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])), max_size=4),
    cuts=st.lists(st.integers(0, 10_000), max_size=12),
)
def test_pieces_of_any_length_make_the_same_form(
    files: list[bytes], fields: list[str], cuts: list[int]
) -> None:
    data = body(
        *[part(text.encode(), "note") for text in fields],
        *[part(content, "files", f"{number}.bin") for number, content in enumerate(files)],
    )
    form = read(data, *cuts)
    try:
        assert form.fields.getlist("note") == fields
        found = form.files.getlist("files")
        assert [file.name for file in found] == [f"{number}.bin" for number in range(len(files))]
        assert [file.read() for file in found] == files
        assert [file.size for file in found] == [len(content) for content in files]
        assert [staging.sha256_of(file) for file in found] == [hashlib.sha256(c).hexdigest() for c in files]
    finally:
        form.close()


@given(
    data=st.lists(
        st.sampled_from(PIECES),
        max_size=9,
    ).map(b"".join),
    cuts=st.lists(st.integers(0, 2_000), max_size=5),
)
def test_a_body_that_is_no_form_is_a_problem_and_leaves_no_file(data: bytes, cuts: list[int]) -> None:
    status = 200
    try:
        read(data, *cuts).close()
    except Problem as problem:
        status = problem.status
    assert status in (200, 400, 413)
    assert not os.listdir(site.FILE_UPLOAD_TEMP_DIR)


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (body(part(b"x" * 1_048_577, "files", "a.txt")), 413, "too_large"),
        (body(*[part(b"x", "files", "a.txt")] * 4), 400, "too_many_files"),
        (
            body(part(b"eA==", "files", "a.txt", "Content-Transfer-Encoding: base64")),
            400,
            "transfer_encoding",
        ),
        (body(part(b"x" * 9_000_000, "note")), 413, "fields_too_large"),
        (body(*[part(b"x", "note")] * 1_010), 400, "form_too_complex"),
        (body(part(b"x", "note", None, "X-Long: " + "y" * 5_000)), 400, "form_too_complex"),
        (part(b"half of a", "files", "a.txt"), 400, "incomplete_body"),
        (b"", 400, "incomplete_body"),
        (body(b"--edge\r\nno header\r\n\r\nx\r\n"), 400, "malformed_form"),
    ],
)
def test_what_is_refused_has_a_code_and_leaves_no_file(
    folder: Path, data: bytes, status: int, code: str
) -> None:
    with pytest.raises(Problem) as caught:
        read(data, 100, 200)
    assert (caught.value.status, caught.value.code) == (status, code)
    assert not os.listdir(folder)


@pytest.mark.parametrize("kind", ["multipart/form-data", 'multipart/form-data; boundary=""'])
def test_a_form_without_a_boundary_is_refused(kind: str) -> None:
    with pytest.raises(Problem) as caught:
        Form(kind, ONE)
    assert caught.value.status == 400


def test_a_field_that_nobody_filled_in_is_no_file() -> None:
    form = read(body(part(b"", "files", ""), part(b"true", "useAI")))
    assert not form.files and form.fields.dict() == {"useAI": "true"}


def test_a_full_disk_is_507_and_the_rest_of_the_body_is_let_by(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Any, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(staging.StagedFile, "append", full)
    sent = [
        body(part(b"x" * 900_000, "files", "a.txt"))[at : at + 65_536] for at in range(0, 983_040, 65_536)
    ]
    left = [{"type": "http.request", "body": data, "more_body": data is not sent[-1]} for data in sent]

    async def receive() -> Mapping[str, Any]:
        return left.pop(0)

    form = Form(TYPE, ONE)
    assert asyncio.run(staging.read(form, receive)) and not left
    with pytest.raises(Problem) as caught:
        form.finish()
    assert caught.value.status == 507 and not os.listdir(folder)


def test_who_leaves_before_the_end_leaves_nothing(folder: Path) -> None:
    messages: list[Mapping[str, Any]] = [
        {"type": "http.request", "body": part(b"x" * 700_000, "files", "a.txt"), "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Mapping[str, Any]:
        return messages.pop(0)

    form = Form(TYPE, ONE)
    assert not asyncio.run(staging.read(form, receive))
    form.close()
    assert not os.listdir(folder)
