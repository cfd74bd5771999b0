"""The words of policies are told in the documentation, each with its meaning, unit, source and what absence means."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from registry.cli import main
from registry.sharing.policy.vocabulary_page import read_vocabulary, vocabulary_page
from tests.support.places import ROOT

SCHEMA = (ROOT / "policies" / "schema.cedarschema").read_text("utf-8")
DESCRIBED = read_vocabulary(SCHEMA)


def test_the_page_is_what_the_schema_says() -> None:
    page = (ROOT / "docs" / "policy-vocabulary.md").read_text("utf-8")
    assert vocabulary_page(DESCRIBED) == page, "run `registry policy vocabulary --write docs/policy-vocabulary.md`"


def test_no_attribute_of_the_schema_is_left_out() -> None:
    written = [line for line in SCHEMA.splitlines() if line.startswith('  "')]
    told = [(each.name, one.name) for each in DESCRIBED for one in each.attributes]
    assert len(told) == len(written) > 50
    assert all(each.meaning for each in DESCRIBED)


def test_what_may_be_absent_says_when_and_the_rest_does_not() -> None:
    by_name = {(each.name, one.name): one for each in DESCRIBED for one in each.attributes}
    assert by_name["Agreement", "max_duration_hours"].absent == (
        "It says that there is no limit, or does not say; `unstated` tells which."
    )
    assert by_name["Agreement", "max_duration_hours"].unit == "hours"
    assert by_name["Ask", "now"].absent is None


@pytest.mark.parametrize(
    ("schema", "wrong"),
    [
        ('entity A {\n  "n": Long,\n};', "A.n has no @doc"),
        ('entity A {\n  @doc("x")\n  "n"?: Long,\n};', "A.n: what may be absent"),
        ('entity A {\n  @doc("x") @absent("never")\n  "n": Long,\n};', "A.n: what may be absent"),
        ('entity A {\n  @doc("x")\n  n: Long,\n};', "A cannot be told"),
        ("namespace N { entity A; }", "cannot be told"),
        ('entity A {\n  @docs("x")\n  "n": Long,\n};', "A.n: @docs is no annotation"),
    ],
)
def test_an_attribute_that_is_not_told_is_refused(schema: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        read_vocabulary(schema)


def test_the_command_prints_and_writes_the_page(tmp_path: Path) -> None:
    printed = CliRunner().invoke(main, ["policy", "vocabulary"])
    assert (printed.exit_code, printed.output) == (0, vocabulary_page(DESCRIBED))
    written = CliRunner().invoke(main, ["policy", "vocabulary", "--write", str(tmp_path / "words.md")])
    assert written.exit_code == 0
    assert (tmp_path / "words.md").read_text("utf-8") == vocabulary_page(DESCRIBED)
    missing = CliRunner().invoke(main, ["policy", "vocabulary", str(tmp_path)])
    assert missing.exit_code != 0
