"""The vector of a few words, the same as `embeddings.embed` gives, without scikit-learn.

For the search in a web process: only numpy is imported, and only when somebody searches. The hash is
MurmurHash3 (32 bit, seed 0) over UTF-8, as scikit-learn's vectorizers use it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Any

from enrichment.analysis.embeddings import _CJK, _MAX_CHARS, _MAX_WORD, _PIECE_WEIGHT, DIMENSION
from enrichment.analysis.stopwords import STOPWORDS

_WORD = re.compile(r"\w+")
_MASK = 0xFFFFFFFF


def vector(text: str) -> Any:
    """Embed one text of at most 20,000 characters: a float32 array of 1,024, length 1, or 0 without words."""
    import numpy as np

    counts = Counter(_WORD.findall(_CJK.sub(r"\1 ", text[:_MAX_CHARS]).lower()))
    whole, pieces = np.zeros(DIMENSION), np.zeros(DIMENSION)
    for word, count in counts.items():
        weight = math.log1p(count)
        short = word[:_MAX_WORD]
        if short not in STOPWORDS:
            _add(whole, short, weight)
        padded = f" {short} "
        for size in (4, 5):
            if len(padded) <= size:
                _add(pieces, padded, weight)
                break
            for start in range(len(padded) - size + 1):
                _add(pieces, padded[start : start + size], weight)
    return _unit(_unit(whole) + _PIECE_WEIGHT * _unit(pieces)).astype("float32")


def _unit(row: Any) -> Any:
    length = math.sqrt(float(row @ row))
    return row / length if length else row


def _add(row: Any, token: str, weight: float) -> None:
    number = _signed(murmur3(token.encode()))
    # The smallest integer has no positive twin; scikit-learn treats it alike.
    index = (2**31 - (DIMENSION - 1) - 1 if number == -(2**31) else abs(number)) % DIMENSION
    row[index] += weight if number >= 0 else -weight


def _signed(number: int) -> int:
    return number - 2**32 if number >= 2**31 else number


def murmur3(data: bytes, seed: int = 0) -> int:
    """MurmurHash3 x86 32 of `data`, unsigned."""
    value = seed
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        value ^= _mixed(int.from_bytes(data[at : at + 4], "little"))
        value = ((value << 13) | (value >> 19)) & _MASK
        value = (value * 5 + 0xE6546B64) & _MASK
    if tail := data[whole:]:
        value ^= _mixed(int.from_bytes(tail, "little"))
    value ^= len(data)
    value ^= value >> 16
    value = (value * 0x85EBCA6B) & _MASK
    value ^= value >> 13
    value = (value * 0xC2B2AE35) & _MASK
    return value ^ (value >> 16)


def _mixed(block: int) -> int:
    block = (block * 0xCC9E2D51) & _MASK
    block = ((block << 15) | (block >> 17)) & _MASK
    return (block * 0x1B873593) & _MASK
