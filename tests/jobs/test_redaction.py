"""Secrets stay out of what is stored, and failures that are the same are counted together."""

from __future__ import annotations

from typing import Any

from jobs import redaction


def raised(text: str) -> BaseException:
    try:
        raise ValueError(text)
    except ValueError as error:
        return error


def test_keys_and_passwords_are_not_in_a_stored_traceback(settings: Any) -> None:
    settings.OPENAI_API_KEY = "canary-key-123456"
    settings.DATABASE_URL = "postgres://user:canary-password@db/x"
    text = redaction.traceback_of(
        raised("canary-key-123456 canary-password Bearer abcdefghijkl sk-live-abcdefgh12")
    )
    assert "canary" not in text
    assert "abcdefgh" not in text


def test_a_handler_sees_only_the_keys_it_has_named(settings: Any) -> None:
    settings.OPENAI_API_KEY, settings.ANTHROPIC_API_KEY = "one-key", "other-key"
    with redaction.only(("OPENAI_API_KEY",)):
        assert (settings.OPENAI_API_KEY, settings.ANTHROPIC_API_KEY) == ("one-key", "")
    assert settings.ANTHROPIC_API_KEY == "other-key"


def test_the_same_failure_with_other_numbers_has_the_same_fingerprint() -> None:
    one, two = (redaction.fingerprint("kind", raised(f"row {n} of 'file{n}.pdf' failed")) for n in (1, 22))
    other = redaction.fingerprint("kind", raised("something else"))
    assert one == two != other
