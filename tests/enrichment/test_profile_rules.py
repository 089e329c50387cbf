"""The rules of the parser one by one, in several languages, and on text nobody would call a résumé."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrichment.profiles import from_json_resume, merge, parse_profile
from enrichment.profiles.dates import find_span, months_between
from enrichment.profiles.lines import read_lines
from enrichment.profiles.sections import heading_kind
from enrichment.profiles.taxonomy import all_skills, find, nearest
from jobs.exceptions import InvalidInput

TODAY = date(2026, 6, 30)
GERMAN = """Lebenslauf
Dr. Anna-Lena Müller
Softwareentwicklerin
Hauptstraße 5, 10115 Berlin
anna.mueller@web.de | Tel. 030 901820
Berufserfahrung
Seit 03/2020 Softwareentwicklerin, Siemens AG, München
• Entwicklung von Microservices in Java und Postgress
März 2016 – Februar 2020 Werkstudentin, Bosch GmbH, Stuttgart
• Testautomatisierung mit Selenium
Ausbildung
10/2012 – 09/2016 Bachelor Informatik, Technische Universität Berlin
Kenntnisse
Java, Postgress, Kubernets, Go, C++ (5 Jahre), Handarbeit
Sprachen
Deutsch (Muttersprache), Englisch C1, Französisch Grundkenntnisse
Zertifikate
ISTQB Certified Tester, 2019
"""
FRENCH = """Camille Lefèvre
Cheffe de projet
camille.lefevre@orange.fr
+33 1 42 68 53 00
Expérience professionnelle
Janvier 2019 – aujourd'hui
Responsable marketing
Danone SA, Paris, France
• Gestion de projet et Google Ads
Formation
2012 - 2015 Licence, Université de Lyon
Langues
Français : langue maternelle, Anglais : courant
"""


def parse(text: str, **options: Any) -> dict[str, Any]:
    return parse_profile([text], [], filename="cv.pdf", today=TODAY, **options).to_dict()


def test_a_german_resume_is_read() -> None:
    found = parse(GERMAN, default_region="DE")
    assert found["name"] == "Anna-Lena Müller" and found["headline"] == "Softwareentwicklerin"
    assert found["phones"] == ["+49 30 901820"]
    first, second = found["experience"]
    assert (first["company"], first["location"], first["start"], first["current"]) == (
        "Siemens AG",
        "München",
        "2020-03",
        True,
    )
    assert (second["title"], second["start"], second["end"]) == ("Werkstudentin", "2016-03", "2020-02")
    assert found["education"][0]["degree"] == "Bachelor Informatik"
    skills = {one["name"]: one for one in found["skills"]}
    assert {"Java", "PostgreSQL", "Kubernetes", "Go", "C++", "Handarbeit", "Selenium"} <= set(skills)
    assert skills["C++"]["years"] == 5 and skills["Handarbeit"]["group"] == "Other"
    assert skills["Kubernetes"]["confidence"] < skills["Java"]["confidence"]
    assert found["languages"] == [
        {"name": "German", "level": "native"},
        {"name": "English", "level": "C1"},
        {"name": "French", "level": "basic"},
    ]
    assert found["certifications"] == ["ISTQB Certified Tester, 2019"]


def test_a_french_resume_is_read() -> None:
    found = parse(FRENCH)
    assert found["name"] == "Camille Lefèvre" and found["phones"] == ["+33 1 42 68 53 00"]
    first = found["experience"][0]
    assert (first["title"], first["company"], first["start"], first["current"]) == (
        "Responsable marketing",
        "Danone SA",
        "2019-01",
        True,
    )
    assert found["education"][0]["institution"] == "Université de Lyon"
    assert {"name": "French", "level": "native"} in found["languages"]
    assert {"Project management", "Google Ads"} <= {one["name"] for one in found["skills"]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sept 2018 – May 2023", ("2018-09", "2023-05", False)),
        ("2017 - 2019", ("2017", "2019", False)),
        ("03/2020 - heute", ("2020-03", None, True)),
        ("enero de 2015 – actualidad", ("2015-01", None, True)),
        ("Mär 2010 bis Dez 2012", ("2010-03", "2012-12", False)),
        ("févr. 2011 à août 2013", ("2011-02", "2013-08", False)),
        ("od 2019", ("2019", None, True)),
        ("styczeń 2015 – obecnie", ("2015-01", None, True)),
        ("mrt 2014 tot heden", ("2014-03", None, True)),
        ("jan. de 2018 – atual", ("2018-01", None, True)),
        ("gennaio 2012 - oggi", ("2012-01", None, True)),
        ("May - Aug 2021", ("2021-05", "2021-08", False)),
        ("2016–19", ("2016", "2019", False)),
        ("01.10.2012 - 30.09.2016", ("2012-10", "2016-09", False)),
        ("2019-04 - 2020-01", ("2019-04", "2020-01", False)),
        ("pages 317–345", None),
        ("2015 - 2011", None),
        ("call 2020 2021", None),
    ],
)
def test_date_ranges_are_read_in_eight_languages(text: str, expected: tuple[Any, ...] | None) -> None:
    span = find_span(text)
    assert (span and (span.start, span.end, span.current)) == expected


def test_months_count_both_ends() -> None:
    assert months_between("2020-01", "2020-12") == 12 and months_between("2020", "2020") == 12


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("WORK EXPERIENCE", "experience"),
        ("Berufliche Kenntnisse", "skills"),
        ("Education & Training", "education"),
        ("S K I L L S", "skills"),
        ("Doświadczenie zawodowe", "experience"),
        ("Formação acadêmica:", "education"),
        ("Opleidingen", "education"),
        ("Esperienze lavorative", "experience"),
        ("Idiomas", "languages"),
        ("I have ten years of experience in retail", None),
        ("John Doe", None),
    ],
)
def test_headings_are_known_in_eight_languages(text: str, kind: str | None) -> None:
    assert heading_kind(text) == kind


@pytest.mark.parametrize(
    ("top", "name"),
    [
        ("Last updated in Mar 2026\nMaria García López\nMadrid, Spain", "Maria García López"),
        ("SKILLS\nPython\nJANE VAN DER BERG\njane@berg.nl", "Jane van der Berg"),
        ("Curriculum Vitae\nName: Piotr Wiśniewski", "Piotr Wiśniewski"),
        ("Software Engineer\nSean O'Connor", "Sean O'Connor"),
        ("Doe, John\njohn.doe@example.org", "John Doe"),
    ],
)
def test_the_name_is_found_where_it_is_not_the_first_line(top: str, name: str) -> None:
    assert parse(top)["name"] == name


def test_masked_numbers_and_years_are_no_telephone_numbers() -> None:
    assert parse("Jan Küster\n+49 176 *** *** **\n2010 - 2012\n12345678")["phones"] == []


def test_addresses_and_links_come_from_annotations_as_well() -> None:
    found = parse_profile(
        ["Jo Li\nPortfolio"],
        [
            "mailto:jo%2Bcv@li.dev?subject=hi",
            "https://github.com/",
            "https://github.com/joli",
            "javascript:alert(1)",
        ],
        filename="x.pdf",
    ).to_dict()
    assert found["emails"] == ["jo+cv@li.dev"]
    assert found["links"] == [{"kind": "github", "url": "https://github.com/joli"}]


def test_the_taxonomy_has_at_least_six_hundred_skills_named_once() -> None:
    skills = all_skills()
    assert len(skills) >= 600
    names = [skill.name.casefold() for skill in skills]
    assert sorted({name for name in names if names.count(name) > 1}) == []
    assert all(skill.group for skill in skills)


def test_skills_with_signs_in_their_names_are_found_and_prose_is_not_taken_for_skills() -> None:
    found = [one.skill.name for one in find("C++, C#, .NET, Node.js and Go", listing=True)]
    assert found == ["C++", "C#", ".NET", "Node.js", "Go"]
    assert [one.skill.name for one in find("I go to spring fairs, as ai as can be. Go on.")] == []


@pytest.mark.parametrize(
    ("slip", "name"), [("postgress", "PostgreSQL"), ("Kubernets", "Kubernetes"), ("Javascrip", "JavaScript")]
)
def test_slips_are_corrected(slip: str, name: str) -> None:
    found = nearest(slip)
    assert found is not None and found[0].name == name


@pytest.mark.parametrize("word", ["Angola", "Handarbeit", "java", "Rusty"])
def test_other_words_are_not_corrected(word: str) -> None:
    found = nearest(word)
    assert found is None or found[0].name == "Java"


def test_years_of_a_skill_come_from_overlapping_positions_once() -> None:
    text = "Jo Li\nExperience\nEngineer, Acme GmbH 01/2020 - 12/2021\n• Django\n"
    text += "Engineer, Beta Ltd 07/2021 - 12/2022\n• Django"
    skills = {one["name"]: one["years"] for one in parse(text)["skills"]}
    assert skills["Django"] == 3.0


def test_page_furniture_is_removed_but_a_repeated_job_title_is_not() -> None:
    pages = [
        f"Jane Roe – CV\nIntern\nBody {page}\nIntern\nMore\nText\nPage {page} of 3" for page in (1, 2, 3)
    ]
    lines = [line.text for line in read_lines(pages)]
    assert lines.count("Jane Roe – CV") == 1 and not any("of 3" in line for line in lines)


def test_corrections_survive_a_new_reading() -> None:
    parsed = parse(GERMAN)
    corrections = {"name": "Anna Müller-Schmidt", "experience.0.title": "Lead", "summary": None, "phones": []}
    first = merge({}, parsed, corrections)
    second = merge(first, parse(FRENCH), corrections)
    for merged in (first, second):
        assert merged["name"] == "Anna Müller-Schmidt" and merged["experience"][0]["title"] == "Lead"
        assert merged["phones"] == [] and merged["summary"] is None
        assert merged["evidence"]["name"]["confidence"] == 1.0
    assert set(second["emails"]) == {"anna.mueller@web.de", "camille.lefevre@orange.fr"}
    assert parsed["name"] == "Anna-Lena Müller"


def test_a_reading_that_finds_nothing_deletes_nothing() -> None:
    before = merge({}, parse(GERMAN), {})
    after = merge(before, parse("…"), {})
    assert {key: after[key] for key in after if key != "evidence"} == {
        key: before[key] for key in before if key != "evidence"
    }


@pytest.mark.parametrize("data", [None, [], "text", {}, {"foo": 1}])
def test_what_is_no_json_resume_is_refused(data: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        from_json_resume(data)
    assert caught.value.code == "resume_format"


def test_odd_values_in_a_json_resume_are_ignored() -> None:
    found = from_json_resume(
        {"basics": {"name": 5, "profiles": "x"}, "work": [None, {"name": ["x"]}], "skills": [1]}
    )
    assert found.name is None and found.skills == []


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400), st.text(max_size=40))
def test_no_text_makes_the_parser_fail(text: str, filename: str) -> None:
    parse_profile([text, "Experience\n" + text], [text], filename=filename, default_region="US").to_dict()


def test_a_hostile_page_is_read_in_bounded_time() -> None:
    page = "\n".join(["a" * 3000, "2019 - " * 300, "x@" * 900, "((((" * 500, "1 " * 1500, "A, " * 600] * 20)
    parse(page)
