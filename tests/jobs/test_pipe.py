"""Worker and sandbox speak JSON of bounded size; neither can hold or confuse the other."""

from __future__ import annotations

import datetime
import socket
import struct
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.pipe import MAX_MESSAGE_BYTES, Closed, Misplaced, Pipe, TooLarge


@pytest.fixture
def pipes() -> Iterator[tuple[Pipe, Pipe]]:
    ours, theirs = (Pipe(sock) for sock in socket.socketpair())
    yield ours, theirs
    ours.close()
    theirs.close()


def test_messages_arrive_in_order(pipes: tuple[Pipe, Pipe]) -> None:
    ours, theirs = pipes
    for number in range(5):
        theirs.send("progress", {"n": number})
    assert [ours.receive(1) for _ in range(5)] == [("progress", {"n": n}) for n in range(5)]


def test_a_message_that_stops_halfway_does_not_hold_the_reader(pipes: tuple[Pipe, Pipe]) -> None:
    ours, theirs = pipes
    theirs.sock.sendall(struct.pack("!I", 1000) + b'["", "done"')
    assert ours.receive(0.01) is None


def test_a_message_over_the_limit_is_refused_from_its_length_alone(pipes: tuple[Pipe, Pipe]) -> None:
    ours, theirs = pipes
    theirs.sock.sendall(struct.pack("!I", MAX_MESSAGE_BYTES + 1))
    with pytest.raises(TooLarge):
        ours.receive(1)


def test_the_end_of_the_other_side_is_noticed(pipes: tuple[Pipe, Pipe]) -> None:
    ours, theirs = pipes
    theirs.close()
    with pytest.raises(Closed):
        ours.receive(1)


def test_a_word_of_one_attempt_is_not_taken_for_another(pipes: tuple[Pipe, Pipe]) -> None:
    ours, theirs = pipes
    theirs.about = "first"
    theirs.send("done", {"result": "of the first"})
    ours.about = "second"
    with pytest.raises(Misplaced):
        ours.receive(1)


def test_what_handlers_commonly_return_is_made_plain(pipes: tuple[Pipe, Pipe]) -> None:
    ours, theirs = pipes
    theirs.send("done", {"id": uuid.UUID(int=1), "day": datetime.date(2026, 11, 22)})
    assert ours.receive(1) == ("done", {"id": str(uuid.UUID(int=1)), "day": "2026-11-22"})


def test_a_character_that_postgresql_cannot_store_is_replaced(pipes: tuple[Pipe, Pipe]) -> None:
    ours, theirs = pipes
    theirs.send("done", "a\x00b")
    assert ours.receive(1) == ("done", "a\ufffdb")


@given(data=st.binary(min_size=4, max_size=200))
def test_whatever_a_broken_sandbox_sends_the_worker_gets_an_error_it_knows(data: bytes) -> None:
    ours, theirs = (Pipe(sock) for sock in socket.socketpair())
    theirs.sock.sendall(data)
    theirs.close()
    try:
        for _ in range(50):
            ours.receive(1)
    except (Closed, TooLarge, Misplaced, ValueError):
        pass  # what jobs.executor turns into a failed attempt
    finally:
        ours.close()
