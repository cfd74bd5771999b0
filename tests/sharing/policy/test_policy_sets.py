"""A policy set is read all or nothing, addressed by content, parsed once, and narrowed to what can apply."""

import shutil
from collections.abc import Callable
from pathlib import Path

import cedarpy
import pytest

from registry.agreements.law.rules import Matter, Party
from registry.sharing.policy.annotations import PolicySetError
from registry.sharing.policy.cedar import PolicySet, load_policy_set
from registry.sharing.policy.facts import Facts
from registry.sharing.policy.rules import decide, decide_page

GOOD = '@id("rule") @title("Rule") @reason("A rule.")\n'
BAR = 'forbid (principal, action == Action::"borrow", resource) when { context.ask.quantity > 5 };'
CONDITION = 'permit (principal, action == Action::"attach_condition", resource) when { context.ask.quantity > 5 };'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('@id("rule") @title("Rule")\n' + BAR, "needs @reason"),
        ('@id("rule") @reason("A rule.")\n' + BAR, "needs @title"),
        ('@title("Rule") @reason("A rule.")\n' + BAR, "needs @id"),
        ('@id("rule") @title(" ") @reason("A rule.")\n' + BAR, "needs @title"),
        ('@id("Rule one") @title("Rule") @reason("A rule.")\n' + BAR, "lower-case words"),
        (GOOD + '@aproval("approver@assisting")\n' + CONDITION, "unknown annotation @aproval"),
        (GOOD + '@approval("chief@assisting")\n' + CONDITION, "@approval must be"),
        (GOOD + '@approval("approver")\n' + CONDITION, "@approval must be"),
        (GOOD + '@obligation("report")\n' + CONDITION, "go together"),
        (GOOD + '@approval("legal@assisting") @due("during")\n' + CONDITION, "go together"),
        (GOOD + '@obligation("report") @due("someday")\n' + CONDITION, "@due must be one of"),
        (GOOD + '@obligation("Report!") @due("during")\n' + CONDITION, "@obligation must be"),
        (GOOD + CONDITION, "attaches nothing"),
        (GOOD + '@approval("legal@assisting")\n' + BAR, "only attach_condition"),
        (
            GOOD + '@approval("legal@assisting")\n' + CONDITION.replace("permit", "forbid"),
            "forbid is not allowed",
        ),
        (GOOD + BAR.replace("forbid", "permit"), "only the baseline may state a ground"),
        (GOOD + BAR.replace('action == Action::"borrow"', "action"), "scope must say action"),
        (GOOD + '@term("max_days")\n' + BAR, "names no term"),
        (GOOD + BAR.replace("resource)", 'resource == Asset::"k9")'), "name things by attribute"),
        (GOOD + BAR.replace("resource)", "resource == ?resource)"), "templates"),
        (GOOD + BAR.replace("quantity", "quantitty"), "quantitty"),
        (
            GOOD + BAR.replace("context.ask.quantity > 5", "context.estimated_cost_minor > 5"),
            "optional attribute",
        ),
        (GOOD + BAR[:-1], "cannot be parsed"),
        ('@id("own_asset") @title("Rule") @reason("A rule.")\n' + BAR, "another policy has this @id"),
        (GOOD + BAR + GOOD + BAR, "another policy has this @id"),
    ],
)
def test_one_bad_policy_and_nothing_is_loaded(copied: Path, text: str, says: str) -> None:
    (copied / "jurisdictions" / "or.cedar").write_text(text)
    with pytest.raises(PolicySetError, match=says) as raised:
        load_policy_set(copied)
    assert raised.value.file == "jurisdictions/or.cedar"


def test_the_error_names_the_policy_at_fault(copied: Path) -> None:
    (copied / "jurisdictions" / "or.cedar").write_text(GOOD + BAR.replace("quantity", "quantitty"))
    with pytest.raises(PolicySetError) as raised:
        load_policy_set(copied)
    assert raised.value.policy == "rule"
    assert raised.value.code == "policy_set_invalid"


def test_a_set_without_baseline_schema_or_readable_files_is_refused(copied: Path) -> None:
    (copied / "jurisdictions" / "oregon.cedar").write_text(GOOD + BAR)
    with pytest.raises(PolicySetError, match="name the file by its state"):
        load_policy_set(copied)
    (copied / "jurisdictions" / "oregon.cedar").rename(copied / "jurisdictions" / "or.cedar")
    (copied / "jurisdictions" / "or.cedar").write_bytes(b"\xff\xfe")
    with pytest.raises(PolicySetError, match="cannot be read"):
        load_policy_set(copied)
    (copied / "jurisdictions" / "or.cedar").unlink()
    shutil.rmtree(copied / "baseline")
    with pytest.raises(PolicySetError, match="no baseline policy"):
        load_policy_set(copied)
    (copied / "schema.cedarschema").write_text("entity")
    with pytest.raises(PolicySetError):
        load_policy_set(copied)
    (copied / "schema.cedarschema").unlink()
    with pytest.raises(PolicySetError, match="cannot be read"):
        load_policy_set(copied)


def test_the_digest_follows_the_text_and_not_its_line_ends(copied: Path, shipped: PolicySet) -> None:
    file = copied / "jurisdictions" / "tx.cedar"
    file.write_bytes(file.read_bytes().replace(b"\n", b" \r\n"))
    assert load_policy_set(copied).digest == shipped.digest
    file.write_text(file.read_text().replace("> 12", "> 13"))
    assert load_policy_set(copied).digest != shipped.digest


def test_policies_may_move_between_the_files_of_a_layer(
    copied: Path, shipped: PolicySet, case: Callable[..., Facts]
) -> None:
    texts = [file.read_text() for file in sorted((copied / "baseline").glob("*.cedar"), reverse=True)]
    shutil.rmtree(copied / "baseline")
    (copied / "baseline").mkdir()
    (copied / "baseline" / "all.cedar").write_text("\n".join(texts))
    moved, facts = (
        load_policy_set(copied),
        case(principal="auditor", asset={"like": "drone", "certification_required": True}),
    )
    assert decide(facts, moved).reasons == decide(facts, shipped).reasons


def test_a_hot_path_never_parses_a_policy_again(
    root: Path, shipped: PolicySet, case: Callable[..., Facts], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = [case(), case(agreements=[]), case(principal="auditor"), case(requesting="poppy_city")]
    warm = decide_page(page, shipped)

    class ParsedAgainError(AssertionError):
        pass

    def parse(*_: object, **__: object) -> None:
        raise ParsedAgainError

    class NoParsing:
        from_str = from_json_str = from_pst = staticmethod(parse)

    for name in ("policies_to_pst", "policies_to_json_str", "policies_from_json_str", "validate_policies"):
        monkeypatch.setattr(cedarpy, name, parse)
    monkeypatch.setattr(cedarpy, "PolicySet", NoParsing)
    monkeypatch.setattr(cedarpy, "Schema", NoParsing)
    assert decide_page(page, shipped) == warm
    with pytest.raises(ParsedAgainError):
        decide(case(requesting="mangrove_city", assisting="fern_county"), load_policy_set(root))


def test_only_the_states_of_the_two_sides_are_asked(shipped: PolicySet, case: Callable[..., Facts]) -> None:
    assert set(decide(case(), shipped).policy_set.layers) == {"baseline"}
    both = decide(case(requesting="poppy_city", assisting="fern_county"), shipped)
    assert set(both.policy_set.layers) == {"baseline", "jurisdiction/ca", "jurisdiction/wa"}


def test_policies_scoped_to_another_category_are_not_asked(shipped: PolicySet) -> None:
    sides = (Party(state="NV", kind="county", side="requesting"), Party(state="CA", kind="county", side="assisting"))

    def ids(*path: str) -> set[str]:
        matter = Matter(parties=sides, categories=frozenset(path))
        return {p.id for p in shipped.select(matter).policies.values()}

    assert "ca_plate_reader_leaves_state" in ids("equipment.license_plate_reader", "equipment", "any")
    assert "ca_plate_reader_leaves_state" not in ids("k9.narcotics", "k9", "any")
