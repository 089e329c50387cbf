"""The README says what is so: settings and states are compared with the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from jobs.states import MOVES

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
READERS = {"text", "flag", "integer", "number", "words"}


def variables_read() -> set[str]:
    """The first argument of every call of a reader of `config.environment`."""
    names: set[str] = set()
    for path in [*(ROOT / "config").glob("*.py"), *(ROOT / "monitoring").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in READERS
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "env"
                and isinstance(node.args[0], ast.Constant)
            ):
                names.add(str(node.args[0].value))
    return names


def variables_documented() -> set[str]:
    table = README.split("<!-- settings -->")[1].split("<!-- /settings -->")[0]
    rows = [line.split("|")[1] for line in table.strip().splitlines()[2:]]
    return {name for row in rows for name in re.findall(r"`([A-Z0-9_]+)`", row)}


def test_every_variable_that_is_read_is_documented() -> None:
    assert sorted(variables_read() - variables_documented()) == []


def test_no_documented_variable_is_invented() -> None:
    assert sorted(variables_documented() - variables_read()) == []


def test_the_drawing_of_the_states_shows_exactly_the_moves_there_are() -> None:
    drawn = set(re.findall(r"^    (\w+) --> (\w+)", README, flags=re.MULTILINE))
    assert drawn == {(str(source), str(target)) for source, targets in MOVES.items() for target in targets}


def test_every_word_of_make_that_the_readme_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(re.findall(r"`?make ([a-z-]+)\b", README)) - {"one", "check-"}
    assert sorted(named - targets) == []


def test_every_file_that_the_readme_names_exists() -> None:
    named = set(re.findall(r"`((?:deploy|jobs|uploads|\.ci)/[\w./-]+|compose\.yaml)`", README))
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_the_example_of_a_kind_runs_and_its_test_passes() -> None:
    from jobs import registry

    kind, test = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    room: dict[str, object] = {"__name__": "readme_example"}
    try:
        exec(kind, room)
        exec(test.replace("from enrichment.handlers.shout import ShoutArgs, shout\n", ""), room)
        room["test_words_come_back_loud"]()  # type: ignore[operator]
        assert registry.by_type("shout").kind == "text.shout"
    finally:
        registry._handlers.pop("text.shout", None)
        registry._types.pop("shout", None)
