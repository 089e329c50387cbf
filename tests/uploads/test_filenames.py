from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uploads.filenames import display_name, extension

ODD = st.text(
    st.sampled_from("a.é\u0301/\\\0\r\n \u202e\u200b\ud800ﷺ𝕏" + "你") | st.characters(), max_size=600
)


@given(ODD)
def test_any_name_becomes_one_visible_line_without_a_path(name: str) -> None:
    shown = display_name(name)
    assert shown and len(shown.encode()) <= 255
    assert "/" not in shown and "\\" not in shown and shown not in (".", "..")
    assert unicodedata.is_normalized("NFC", shown)
    assert all(unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in shown)
    assert display_name(shown) == shown


@given(st.text(max_size=3000))
def test_the_ending_survives_shortening(stem: str) -> None:
    assert extension("x" + stem.replace("/", "").replace("\\", "") + ".pdf") == "pdf"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\cv.docx", "cv.docx"),
        ("cv\r\nX-Evil: 1.pdf", "cv X-Evil: 1.pdf"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("Re\u0301sume\u0301.pdf", "Résumé.pdf"),
        ("..", "unnamed"),
        ("", "unnamed"),
        (".htaccess", "htaccess"),
        ("a" * 10_000 + ".docx", "a" * 250 + ".docx"),
    ],
)
def test_known_tricks_are_disarmed(name: str, shown: str) -> None:
    assert display_name(name) == shown
