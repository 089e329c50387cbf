"""Cleaning, chunking and language: what analysis is given."""

from __future__ import annotations

import random
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uploads.extraction import Page
from uploads.extraction.chunking import chunk, join_pages
from uploads.extraction.cleaning import clean, join_words, normalise, remove_running_lines
from uploads.extraction.language import detect

PROSE = st.text(st.sampled_from("abc .!?\n\té\u0301你。-"), max_size=400)
ENGLISH = (
    "The quick brown fox jumps over the lazy dog while many people watch it from their old wooden houses. "
    * 3
)


def _paper(pages: int) -> list[str]:
    return [
        f"Journal of Tests, vol. {number}\nA title\n\nBody of page {chr(97 + number % 26) * 5}{number}.\n"
        + "\n".join(f"line {index} of {number * 31}x" for index in range(9))
        + f"\nlast words {number * 7}y z{number}\n\n{number}"
        for number in range(1, pages + 1)
    ]


def test_running_headers_and_page_numbers_go_and_the_body_stays() -> None:
    pages = [
        f"Journal of Tests, vol. {number}\n\nText {word} begins.\nmore\nand more\nends {word}.\n"
        f"\n– {number} –"
        for number, word in enumerate(("alpha", "beta", "gamma", "delta"), start=1)
    ]
    cleaned = clean(pages)
    assert all("Journal" not in page and "–" not in page for page in cleaned)
    assert cleaned[1].startswith("Text beta begins.") and cleaned[1].endswith("ends beta.")


def test_headers_of_left_and_right_pages_and_of_chapters_go_too() -> None:
    pages = [
        f"{'Left' if number % 2 else 'Right'} header {number}\nbody {random.Random(number).random()}\n"
        f"middle {number}a\nx{number}q\ny{number}r\nz{number}s\nw{number}t"
        for number in range(20)
    ]
    assert not any("header" in page for page in clean(pages))


def test_two_pages_prove_nothing_and_pages_of_repeated_lines_only_keep_them() -> None:
    assert remove_running_lines(["Name\nx", "Name\ny"]) == ["Name\nx", "Name\ny"]
    slides = [f"This is page {number}" for number in range(10)]
    assert clean(slides) == slides


def test_words_broken_at_line_ends_are_joined_and_compounds_keep_their_hyphen() -> None:
    pages = ["an infor-\nmation about well-\nknown things", "a well-known fact, seen by Smith-\nJones"]
    assert join_words(pages) == [
        "an information about well-known things",
        "a well-known fact, seen by Smith-Jones",
    ]
    assert clean(["soft\u00adware exam\u0002\nple"]) == ["software example"]


def test_spaces_are_normalised_and_ligatures_spelled_out() -> None:
    assert normalise("a \u00a0 b\r\n\r\n\r\n\r\nﬁle \t x\u200b ") == "a b\n\nfile\tx"


@given(st.lists(PROSE, max_size=12))
def test_cleaning_keeps_the_pages_and_says_nothing_new(pages: list[str]) -> None:
    cleaned = clean(pages)
    assert len(cleaned) == len(pages)
    for before, after in zip(pages, cleaned, strict=True):
        letters = re.sub(r"[\s-]", "", normalise(before))
        kept = iter(letters)
        assert all(char in kept for char in re.sub(r"[\s-]", "", after))


@given(st.lists(st.text("abcdefgh", min_size=5, max_size=20), unique=True, min_size=3, max_size=40))
def test_a_line_said_once_is_never_removed(lines: list[str]) -> None:
    pages = ["\n".join(["Running head", *lines[at : at + 4]]) for at in range(0, len(lines), 4)]
    text = "\n".join(clean(pages)).split("\n")
    assert all(line in text for line in lines)


@given(st.text(max_size=300))
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(st.lists(PROSE, max_size=6), st.integers(2, 60))
def test_chunks_lose_no_text_and_know_their_place(texts: list[str], size: int) -> None:
    pages = [Page(number, text) for number, text in enumerate(texts, start=3)]
    joined = join_pages(pages)
    chunks = chunk(pages, size=size)
    assert "".join("".join(part.text for part in chunks).split()) == "".join(joined.split())
    assert [part.index for part in chunks] == list(range(len(chunks)))
    starts = [sum(len(text) + 2 for text in texts[:at]) for at in range(len(texts))]
    end = 0
    for part in chunks:
        assert 0 < len(part.text) <= size and part.char_start >= end
        end = part.char_start + len(part.text)
        assert joined[part.char_start : end] == part.text
        for page, position in ((part.page_start, part.char_start), (part.page_end, end - 1)):
            start = starts[page - 3]
            assert start <= position < start + len(texts[page - 3]) + 2


def test_chunks_end_with_paragraphs_or_sentences() -> None:
    text = " ".join(f"Sentence number {number} is here." for number in range(400))
    assert all(part.text.endswith(".") for part in chunk([Page(1, text)]))
    paragraphs = "\n\n".join("word " * 150 for _ in range(20))
    assert {len(part.text) for part in chunk([Page(1, paragraphs)])} == {749 * 2 + 3}
    assert chunk([]) == [] and chunk([Page(1, " \n ")]) == []


@pytest.mark.parametrize("text", ["x" * 3_000_000, "a. " * 1_000_000, "\n" * 3_000_000, "ab-\n" * 700_000])
def test_cleaning_and_chunking_take_linear_time(text: str) -> None:
    began = time.process_time()
    chunk([Page(1, clean([text])[0])])
    assert time.process_time() - began < 8


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (ENGLISH, "en"),
        (
            "Der schnelle braune Fuchs springt über den faulen Hund, und viele Menschen sehen ihm dabei zu. "
            * 2,
            "de",
        ),
        (
            "Быстрая коричневая лиса прыгает через ленивую собаку, и многие люди смотрят на это из домов. "
            * 2,
            "ru",
        ),
        ("素早い茶色の狐がのろまな犬を飛び越えて、たくさんの人々が古い家からそれを見ていました。" * 2, "ja"),
        ("Python developer", None),
        ("1234 5678 " * 100, None),
        ("", None),
    ],
)
def test_the_language_is_named_only_when_there_is_enough_text(text: str, language: str | None) -> None:
    assert [detect(text) for _ in range(3)] == [language] * 3
