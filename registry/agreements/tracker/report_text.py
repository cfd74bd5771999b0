"""Reports of bulk recording in words, for whoever sits at the machine."""

from collections.abc import Iterator
from typing import Final

from registry.agreements.tracker.columns import NOT_TAKEN, meant_by
from registry.agreements.tracker.listings import Facts, ListFacts
from registry.agreements.tracker.replay_report import ReplayReport
from registry.agreements.tracker.rows import DRAFT_UNSAID
from registry.agreements.tracker.schemas import AgreementImportReport, CellFault, FilesReport

USUAL: Final = "Read as UTF-8 with commas."
FAULTS_PRINTED: Final = 20
CHANGES_PRINTED: Final = 25


def told_import(report: AgreementImportReport) -> Iterator[str]:
    """What became of a tracker's rows."""
    would = "would be " if report.dry_run else ""
    yield (
        f"{report.created} agreements {would}entered, {report.updated} {would}updated, "
        f"{report.unchanged} unchanged; {report.refused} rows refused."
    )
    for sheet in report.sheets:
        if sheet.remarks == [USUAL]:
            continue
        place = f"{sheet.file}, {sheet.sheet}" if sheet.sheet is not None else sheet.file
        yield " ".join((f"{place}: {sheet.rows} rows.", *sheet.remarks))
    for header in report.unread_columns:
        why = NOT_TAKEN.get(meant_by(header))
        yield f"Not read: {header}" + (f" ({why})" if why else "")
    yield from _faults([fault for row in report.rows for fault in row.faults], 0, "--report FILE writes them all")
    if drafts := sum(DRAFT_UNSAID in row.remarks for row in report.rows):
        what = "One row gives" if drafts == 1 else f"{drafts} rows give"
        yield f"{what} no day of signature and no status, and {would}entered as a draft of the custodian."
    if remarked := sum(any(each != DRAFT_UNSAID for each in row.remarks) for row in report.rows):
        where = "one row" if remarked == 1 else f"{remarked} rows"
        yield f"In {where} blank cells leave terms as wide as they can be; the report says which."
    if report.rows_left_out:
        yield f"{report.rows_left_out} more rows are not shown."


def told_replay(report: ReplayReport) -> Iterator[str]:
    """What a published list says, and what was done about it."""
    would = "would be " if report.dry_run else ""
    yield (
        f"{report.drafts_entered} drafts {would}entered, {report.agreements_recorded} agreements {would}recorded, "
        f"{report.notes} notes {would}made in their histories, {report.agencies_created} agencies {would}created; "
        f"{report.unchanged} unchanged."
    )
    yield f"Of {report.listed} on the newest list of signed ones, {report.recorded} {would or 'are '}recorded here."
    yield from _facts(report.facts)
    for late in report.not_replayed:
        yield f"Not replayed: {late.list}, {late.taken_at:%Y-%m-%d %H:%M} UTC. {late.reason}"
    yield from _faults(report.refused, report.refused_left_out, "--json names the first 1,000")


def told_files(report: FilesReport) -> Iterator[str]:
    """What became of a folder of texts; named is each that was not filed, or filed and vouches for no version."""
    would = "would be " if report.dry_run else ""
    yield (
        f"{report.filed} files {would}filed, {report.unchanged} on file already; {report.unmatched} belong to no "
        f"agreement, {report.ambiguous} to several, {report.refused} refused, {report.lacking} lacking."
    )
    yield from (str(each) for each in report.files if each.detail or each.outcome not in ("filed", "unchanged"))


def _facts(facts: Facts) -> Iterator[str]:
    yield from map(_list, facts.lists)
    yield (
        f"Pending at some time: {facts.pending}; {facts.pending_signed_later} of them signed at some time, "
        f"{facts.pending_never_signed} never."
    )
    changed = {(change.state, change.agency, change.form) for change in facts.date_changes}
    if changed:
        yield f"Of {len(changed)} the day of signature was changed; what was read first stands:"
    for change in facts.date_changes[:CHANGES_PRINTED]:
        where = f"{change.agency}, {change.state}, {change.form}"
        yield f"  {change.place}: {where}: {change.was} → {change.now}; {change.stands or 'none'} stands."
    for rename in facts.possible_renames[:CHANGES_PRINTED]:
        yield f"  {rename.state}, {rename.form}: “{rename.was}” may be “{rename.now}” by now."


def _list(facts: ListFacts) -> str:
    return (
        f"{facts.list.capitalize()}: {facts.first_listed} in the first of {facts.snapshots} snapshots, "
        f"{facts.last_listed} in the last; {facts.added} added, {facts.gone} gone."
    )


def _faults(faults: list[CellFault], left_out: int, where: str) -> Iterator[str]:
    for fault in faults[:FAULTS_PRINTED]:
        yield str(fault)
    if (more := len(faults) - FAULTS_PRINTED + left_out) > 0:
        yield f"… and {more} more refusals; {where}."
