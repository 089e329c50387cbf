"""The analyses hold on every text: empty, tiny, huge, without sentences, in any script."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enrichment.analysis import embeddings, insights, keyphrases, papers, quotes, resumes, summary, themes
from enrichment.analysis.passages import Passage, from_pages, from_text
from enrichment.analysis.sentences import clean, split
from enrichment.analysis.skillbook import TaxonomySkillbook

texts = st.one_of(
    st.text(max_size=400),
    st.lists(
        st.sampled_from(["The cat sat.", "42%", "猫が座った。", "“", "\n", "References\n", "a" * 300, "."])
    ).map(" ".join),
)
many = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ODD = {
    "nothing": [],
    "empty": [""],
    "one word": ["word"],
    "no sentence": ["alpha beta gamma " * 400],
    "one endless word": ["x" * 50_000],
    "digits": ["1 2 3 4 5 " * 300],
    "chinese": ["机器学习是人工智能的一个分支。它让计算机从数据中学习。我们应该研究它的限制。" * 20],
    "german": ["Die Übersetzung zeigt, dass Grenzen bestehen. Jedoch sollte man sie öffnen. " * 30],
    "arabic": ["هذه جملة قصيرة عن التعلم. وهذه جملة أخرى عن البيانات. " * 30],
    "control characters": ["\x00\x02\x0f A line.\r\n\x0c Another one here, with words. " * 10],
}


@pytest.mark.parametrize("pages", ODD.values(), ids=ODD.keys())
def test_odd_texts_give_results_that_name_real_pages(pages: list[str]) -> None:
    passages = from_pages(pages)
    ranking = summary.rank(split(passages))
    found = [
        *summary.summarise(passages, ranking=ranking),
        *quotes.find(passages, ranking=ranking),
        *insights.find(passages, ranking=ranking),
    ]
    assert all(one.page in range(1, len(pages) + 1) for one in found)
    assert all(set(one.pages) <= set(range(1, len(pages) + 1)) for one in themes.find(passages))
    assert all(one.text for one in keyphrases.find(passages))
    papers.analyse(passages)
    assert np.isfinite(embeddings.embed(pages)).all()


@many
@given(st.lists(texts, max_size=4))
def test_no_text_breaks_an_analysis_and_every_quote_stands_where_it_says(pages: list[str]) -> None:
    passages = from_pages(pages)
    assert "".join(p.text for p in passages).split() == "".join(
        page for page in pages if page.strip()
    ).split() or len(passages) != len(pages)
    sentences = split(passages)
    by_index = {passage.index: passage for passage in passages}
    for sentence in sentences:
        assert sentence.text.startswith(
            clean(by_index[sentence.passage].text[sentence.offset : sentence.offset + sentence.length])
        )
    ranking = summary.rank(sentences)
    assert all(0 <= score <= 1.0001 for score in ranking.scores)
    assert len(summary.summarise(passages, ranking=ranking)) <= 6
    quotes.find(passages, ranking=ranking)
    insights.find(passages, ranking=ranking)
    total = sum(theme.weight for theme in themes.find(passages))
    assert total == 0 or math.isclose(total, 1, abs_tol=0.01)
    keyphrases.find(passages)


@many
@given(texts, texts)
def test_no_resume_breaks_the_review(text: str, target: str) -> None:
    found = resumes.review(text, target, TaxonomySkillbook())
    assert 0 <= found.score <= 100
    assert all(0 <= one.score <= 100 for one in found.scores)


@many
@given(texts)
def test_vectors_have_length_one_or_none_and_survive_packing(text: str) -> None:
    vector = embeddings.embed([text])[0]
    length = float(np.linalg.norm(vector))
    assert length == 0 or math.isclose(length, 1, abs_tol=1e-4)
    assert len(embeddings.pack(vector)) == 4096
    assert np.array_equal(embeddings.unpack(embeddings.pack(vector)), vector)


def test_vectors_do_not_depend_on_their_neighbours_and_find_the_nearest() -> None:
    batch = ["graph of papers and authors", "a recipe for bread", "authors of papers in graphs"]
    vectors = embeddings.embed(batch)
    assert np.allclose(vectors[0], embeddings.embed(batch[:1])[0], atol=1e-6)
    scores = embeddings.cosine(vectors[0], vectors)
    assert scores[0] == pytest.approx(1, abs=1e-5)
    assert scores[2] > scores[1]


def test_a_quotation_keeps_its_words_page_offset_and_reason() -> None:
    page = "She said “the sea was never as quiet as on that long morning in May”, and left."
    passages = from_pages(["Nothing here.", page])
    quote = next(one for one in quotes.find(passages) if one.kind == "quotation")
    home = passages[quote.passage].text
    assert home[quote.offset :].startswith("the sea was never")
    assert quote.page == 2
    assert "attributed" in quote.reason


def test_a_passage_over_several_pages_knows_the_page_of_each_offset() -> None:
    passage = Passage(0, "one two three", 4, 6, (4, 8))
    assert [passage.page_at(offset) for offset in (0, 4, 8, 12)] == [4, 5, 6, 6]
    assert list(passage.pages) == [4, 5, 6]
    assert Passage(0, "x").page_at(0) is None


def test_sentences_survive_abbreviations_decimals_hyphens_and_page_numbers() -> None:
    text = "We saw a gain of 4.2 F1 points, e.g. in Fig. 3, by\nDr. Doe et al. over the base\x02line."
    text += "\n84\nIt ended."
    assert [one.text for one in split(from_text(text))] == [
        "We saw a gain of 4.2 F1 points, e.g. in Fig. 3, by Dr. Doe et al. over the baseline.",
        "It ended.",
    ]


def test_references_and_title_pages_are_nobodys_theme() -> None:
    body = "The harbour crane lifts heavy cargo from ships. Cranes need steel and power. " * 12
    names = "Waldemar Zubrowski and Xenia Quandt. 2016. In Proceedings of Something, pages 1-9.\n" * 12
    found = themes.find(from_pages([f"{names}\nAbstract\n{body}", body, f"References\n{names}"]))
    words = " ".join(phrase for theme in found for phrase in theme.keyphrases).lower()
    assert "crane" in words
    assert "zubrowski" not in words


def test_progress_reaches_the_total() -> None:
    told: list[tuple[int, int]] = []
    embeddings.embed(["text"] * 600, progress=lambda *at: told.append(at))
    assert told == [(512, 600), (600, 600)]
