"""The language of a text, or None: two words do not tell, and a wrong answer is worse than none."""

from __future__ import annotations

import re

from langdetect.detector_factory import PROFILES_DIRECTORY, DetectorFactory
from langdetect.lang_detect_exception import LangDetectException

MIN_WORDS = 20  # under this, the light detectors named "Python developer" Nigerian Pidgin
SAMPLE = 10_000  # characters; more does not change the answer
MIN_PROBABILITY = 0.7
_WORD = re.compile(r"[^\W\d_]{2,}")
_DENSE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")

_factory: DetectorFactory | None = None


def detect(text: str) -> str | None:
    """Return the ISO 639-1 code of a text ("en", "zh-cn"), None under 20 words or when in doubt.

    The same text always gets the same answer. Scripts without spaces count two characters as a word.
    """
    sample = text[:SAMPLE]
    if len(_WORD.findall(sample)) + len(_DENSE.findall(sample)) // 2 < MIN_WORDS:
        return None
    detector = _profiles().create()
    detector.append(sample)
    try:
        best = detector.get_probabilities()
    except LangDetectException:
        return None
    return best[0].lang if best and best[0].prob >= MIN_PROBABILITY else None


def _profiles() -> DetectorFactory:
    global _factory
    if _factory is None:
        # Our own factory: the library's shared one may be seeded otherwise by somebody else.
        factory = DetectorFactory()
        factory.load_profile(PROFILES_DIRECTORY)
        factory.set_seed(0)
        _factory = factory
    return _factory
