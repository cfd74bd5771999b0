"""`registry policy check`, `test FILE`, `diff`, `explain`, `seal`: own policies, a decision, those shipped."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import click
import msgspec
import yaml

from registry.cli.session import current, reporting_errors, run, settings_or_exit
from registry.directory.taxonomy.seed import load_categories, load_purposes
from registry.platform.kernel.text import counted
from registry.platform.kernel.yaml_text import read_yaml
from registry.platform.settings import Settings
from registry.sharing.policy.annotations import PolicySetError
from registry.sharing.policy.cedar import DIGESTS, digests_of, load_policy_set
from registry.sharing.policy.decisions import Decision
from registry.sharing.policy.differing import Difference, difference
from registry.sharing.policy.examining import Examiner, KnownWords, PolicySetText
from registry.sharing.policy.queries.getting import decision_of, decision_row
from registry.sharing.policy.schemas.sets import NewPolicySet
from registry.sharing.policy.testing import read_cases, read_cast


def check(file: Path, folder: Path, cases: Path | None = None) -> None:
    """Print each fault of the policies in a file with its place; exit 1 where there is one.

    They are tested by the `cases` in a file of their own where there is one, else by those in their file.
    """
    given = _read(file, cases)
    categories = frozenset(each.code for each in load_categories())
    purposes = frozenset(each.code for each in load_purposes())
    with reporting_errors():
        examiner = Examiner(load_policy_set(folder), read_cast(folder))
    text = PolicySetText(cedar=given.cedar, rules=given.rules, tests=given.tests)
    found = examiner.examine(text, KnownWords(categories=categories, purposes=purposes))
    for fault in found.faults:
        place = ":".join(str(each) for each in (fault.source, fault.line, fault.column) if each is not None)
        named = f" “{fault.text}”" if fault.text else ""
        click.echo(f"{place}:{named} {fault.detail}")
    many = (found.policies, "policy", "policies"), (found.cases, "case"), (len(found.faults), "fault")
    click.echo(f"{', '.join(counted(*each) for each in many)}.")
    if found.faults:
        raise SystemExit(1)


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
        yield f"  brings {duty.code} ({duty.due}), by {duty.policy_id}"
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
