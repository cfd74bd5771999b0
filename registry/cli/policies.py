"""`registry policy check`, `test FILE`, `impact`, `diff`, `explain`, `seal`: own policies, decisions, those shipped."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import click
import msgspec
import yaml
from msgspec import Struct

from registry.cli.session import agency_named, current, local_caller, progress, reporting_errors, run, settings_or_exit
from registry.directory.taxonomy.seed import load_categories, load_purposes
from registry.platform.database.handles import Read
from registry.platform.kernel.text import counted
from registry.platform.kernel.yaml_text import read_yaml
from registry.platform.settings import Settings
from registry.sharing.policy.analysing import Analysis
from registry.sharing.policy.annotations import PolicySetError
from registry.sharing.policy.cedar import DIGESTS, digests_of, load_policy_set
from registry.sharing.policy.comparing import ImpactSums
from registry.sharing.policy.decisions import Decision
from registry.sharing.policy.differing import Difference, difference
from registry.sharing.policy.examining import Examination, Examiner, KnownWords, PolicySetText
from registry.sharing.policy.queries.getting import decision_of, decision_row
from registry.sharing.policy.queries.impact import ChangedAsk, ImpactReading, Period, Sides, decisions_made, sides_of
from registry.sharing.policy.queries.layers import digest_of_today, policies_beside
from registry.sharing.policy.queries.sets import any_policy_set_row, known_words
from registry.sharing.policy.schemas.sets import NewPolicySet
from registry.sharing.policy.testing import read_cases, read_cast
from registry.shipped_rules import policies_and_rules


def check(file: Path, folder: Path, *, strict: bool) -> None:
    """Print each fault of the policies in a file with its place, and what is probably not meant in them.

    Exit 1 where there is a fault; if `strict`, for the rest as well.
    """
    found = _examined(file, folder, None)
    if found.analysis is not None:
        for line in _told_analysis(found.analysis):
            click.echo(line)
        if strict and found.analysis.findings:
            raise SystemExit(1)


def test_file(file: Path, folder: Path, cases: Path | None) -> None:
    """Run the cases of a file's policies, or those in a file of their own; exit 1 where anything is wrong."""
    _examined(file, folder, cases)


def _examined(file: Path, folder: Path, cases: Path | None) -> Examination:
    """What there is to say of a file without faults; else each of them is printed with its place, and the end is 1."""
    given = _read(file, cases)
    categories = frozenset(each.code for each in load_categories())
    purposes = frozenset(each.code for each in load_purposes())
    with reporting_errors():
        examiner = Examiner(load_policy_set(folder), read_cast(folder))
    found = examiner.examine(_text_of(given), KnownWords(categories=categories, purposes=purposes))
    for line in _told_faults(found):
        click.echo(line)
    many = (found.policies, "policy", "policies"), (found.cases, "case"), (len(found.faults), "fault")
    click.echo(f"{', '.join(counted(*each) for each in many)}.")
    if found.faults:
        raise SystemExit(1)
    return found


def _told_analysis(found: Analysis) -> Iterator[str]:
    for each in found.findings:
        yield f"warning: {each.kind}: {each.detail}"
        if each.witness is not None:
            shown = ", ".join(f"{value.attribute} = {value.value or 'absent'}" for value in each.witness.values)
            yield f"  for example {shown or 'an ordinary loan'}"
    many = counted(found.evidence.generated, "made-up case")
    yield f"Analysed over {many}, which is no proof: {counted(len(found.findings), 'warning')}."


def _text_of(given: NewPolicySet) -> PolicySetText:
    return PolicySetText(cedar=given.cedar, rules=given.rules, tests=given.tests)


def _told_faults(found: Examination) -> Iterator[str]:
    for fault in found.faults:
        place = ":".join(str(each) for each in (fault.source, fault.line, fault.column) if each is not None)
        named = f" “{fault.text}”" if fault.text else ""
        yield f"{place}:{named} {fault.detail}"


class _Impact(Struct, kw_only=True, frozen=True):
    """What came of looking at the decisions of a period; the latest of those that would be others are `shown`."""

    period: Period
    sums: ImpactSums
    shown: list[ChangedAsk]


def impact(tried: str, agency: str | None, *, days: int, show: int, fail_on_flips: bool) -> None:
    """Print what policies of an agency would have changed; exit 1 for a file with faults, and for flips if asked to."""
    try:
        set_id = UUID(tried)
    except ValueError:
        set_id = None
    if set_id is None and agency is None:
        raise click.UsageError("Say with --agency whose FILE it is.")
    if set_id is not None and agency is not None:
        raise click.UsageError("--agency is for a FILE: a set of the registry is its agency's.")
    given = None if set_id is not None else _read(Path(tried), None)

    async def work(settings: Settings) -> _Impact | Examination:
        policies = policies_and_rules(settings)
        async with current(settings) as database:
            read = database.read()
            if given is None:
                assert set_id is not None
                row = await any_policy_set_row(read, set_id)
                owner, sides = row.agency_id, await sides_of(read, policies, row)
            else:
                assert agency is not None
                owner, text = await agency_named(read, agency), _text_of(given)
                examiner = Examiner(policies, read_cast(settings.policies_dir))
                found = examiner.examine(text, await known_words(read, owner))
                if found.faults:
                    return found
                digest = await digest_of_today(read, owner)
                active = await policies_beside(read, policies, owner, digest)
                sides = Sides(active=active, drafted=policies.with_agency(owner, text.whole), active_digest=digest)
            period = Period.of_days(owner, days, local_caller().now)
            return await _look(read, period, sides, show)

    found = run(settings_or_exit(), work)
    for line in _told_faults(found) if isinstance(found, Examination) else _told_impact(found):
        click.echo(line)
    if isinstance(found, Examination) or (fail_on_flips and found.sums.flips):
        raise SystemExit(1)


async def _look(read: Read, period: Period, sides: Sides, show: int) -> _Impact:
    reading, shown = ImpactReading(read, period, sides, yields=False), list[ChangedAsk]()
    with progress("Decisions", await decisions_made(read, period)) as done:
        while (found := await reading.next_batch()) is not None:
            shown += found[: show - len(shown)]
            done(reading.sums.examined)
    return _Impact(period=period, sums=reading.sums, shown=shown)


def _told_impact(found: _Impact) -> Iterator[str]:
    sums = found.sums
    since = f"{found.period.from_at:%Y-%m-%d %H:%M} UTC"
    yield f"{counted(sums.examined, 'decision')} since {since}: {sums.same:,} the same, {sums.flips:,} otherwise."
    if sums.left_out:
        yield f"{sums.left_out:,} of them left out: a term that these policies read is restricted there."
    for (before, after), many in sorted(sums.changes.items()):
        change = f"{before}, by other policies" if before == after else f"{before} → {after}"
        yield f"  {many:,}  {change}"
    if sums.policies:
        yield "By policy:"
    for policy_id, many in sorted(sums.policies.items(), key=lambda each: (-each[1], each[0])):
        yield f"  {many:,}  {policy_id}"
    if found.shown:
        yield "The latest:"
    for each in found.shown:
        then, now = each.compared.before, each.compared.after
        named = ", ".join(each.compared.policy_ids)
        yield f"  {each.decision_id}  {then.evaluated_at:%Y-%m-%d %H:%M} UTC  {then.outcome} → {now.outcome}  {named}"


def diff(then: Path, now: Path) -> None:
    """Print what the policies of one folder change against those of another; exit 1 where anything does."""
    try:
        found = difference(load_policy_set(then), load_policy_set(now), read_cases(now))
    except (PolicySetError, OSError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise click.UsageError(getattr(error, "detail", str(error))) from None
    for line in _told_difference(found):
        click.echo(line)
    if not found.is_empty:
        raise SystemExit(1)


def _told_difference(found: Difference) -> Iterator[str]:
    yield from (f"+ {each.id} ({each.layer}): {each.title}" for each in found.added)
    yield from (f"- {each.id} ({each.layer}): {each.title}" for each in found.removed)
    yield from (f"~ {each.id} ({each.layer}): {', '.join(each.parts)}" for each in found.changed)
    yield from (f"- {each}: off, since its source is secondary" for each in found.turned_off)
    yield from (f"+ {each}: no longer off" for each in found.turned_on)
    for flip in found.flips:
        outcome = flip.now if flip.then == flip.now else f"{flip.then} → {flip.now}"
        yield f"{flip.file}: {flip.name}\n  {outcome}; {', '.join(flip.named)}"
    many = (len(found.added), "added"), (len(found.removed), "removed"), (len(found.changed), "changed")
    told = ", ".join(f"{count} {what}" for count, what in many)
    yield f"{told}; {counted(len(found.flips), 'case comes', 'cases come')} out otherwise."


def _read(file: Path, cases: Path | None) -> NewPolicySet:
    """What the file says, and that of its cases, within the bounds of the API."""
    try:
        text = file.read_text("utf-8")
        said = {"title": file.stem, "cedar": text} if file.suffix == ".cedar" else read_yaml(text)
        if cases is not None and isinstance(said, dict):
            said["tests"] = cases.read_text("utf-8")
        return msgspec.convert(said, NewPolicySet)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise click.UsageError(f"{file}: {error}") from None


def explain(decision_id: UUID) -> None:
    """Print a recorded decision: its outcome, the policies that spoke, what it needs, and by which sets it was made."""

    async def work(settings: Settings) -> Decision:
        async with current(settings) as database:
            return decision_of(await decision_row(database.read(), decision_id))

    for line in _told(run(settings_or_exit(), work)):
        click.echo(line)


def _told(decision: Decision) -> Iterator[str]:
    under = f" under agreement {decision.agreement.number}" if decision.agreement else ""
    yield f"{decision.outcome}{under}, decided at {decision.evaluated_at:%Y-%m-%d %H:%M:%S} UTC"
    for reason in decision.reasons:
        yield f"  {reason.effect} {reason.policy_id} ({reason.layer}): {reason.reason}"
        if reason.citation:
            yield f"    {reason.citation}"
        if (own := reason.source) is not None:
            since = f"{own.activated_at:%Y-%m-%d %H:%M:%S} UTC"
            yield f"    of {own.agency.name}, set {own.version_no}, active since {since}"
    for need in decision.approvals:
        yield f"  needs {need.role}@{need.side}, by {need.policy_id}"
    for duty in decision.obligations:
        yield f"  brings {duty.code} ({duty.due}, of the {duty.owed_by} agency), by {duty.policy_id}"
    for miss in decision.near_misses:
        yield f"  {miss.explanation}"
    for layer, digest in decision.policy_set.layers.items():
        yield f"  {layer}: {digest}"


def seal(folder: Path) -> None:
    """Write the digests of a folder's policies, if they can be loaded."""
    with reporting_errors():
        load_policy_set(folder)
        lines = [f"{name}: {digest}" for name, digest in digests_of(folder).items()]
        head = "# SHA-256 of each file from which the policies are read; `registry policy seal` writes it.\n"
        (folder / DIGESTS).write_text(head + "\n".join(lines) + "\n", "utf-8")
    click.echo(f"{len(lines)} files are sealed in {folder / DIGESTS}.")
