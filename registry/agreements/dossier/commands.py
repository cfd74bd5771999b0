"""Making a file: the archive is written first, then it is recorded who had it made, and only then it is sent."""

from collections.abc import AsyncIterator
from functools import cache
from importlib.resources import files as package_files
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from registry.agreements.documents.commands import Files
from registry.agreements.dossier.page import index_page, printed_index
from registry.agreements.dossier.queries.parts import HTML, JSON, TEXT, Found, Part
from registry.agreements.dossier.queries.public import public_file
from registry.agreements.dossier.queries.whole import whole_file
from registry.agreements.dossier.rules import NOT_A_PARTY, Audience, check_published, receipt_lines, verification
from registry.agreements.dossier.schemas import FileIndex, FileManifest, FilePart, WithheldPart
from registry.agreements.dossier.writing import as_json
from registry.agreements.instruments.commands.disclosing import RestrictedReading, record_readings
from registry.agreements.instruments.consent import ProposalStatus
from registry.agreements.instruments.queries.getting import get_agreement
from registry.agreements.instruments.queries.rows import agreement_row
from registry.agreements.instruments.queries.versions import versions_for
from registry.agreements.instruments.remarks import RemarkCode
from registry.agreements.instruments.schemas.shown import Agreement
from registry.agreements.timeline.queries import timeline_of
from registry.agreements.timeline.schemas import Timeline
from registry.platform.access.principals import Caller
from registry.platform.database.connect import OwnTransaction
from registry.platform.database.handles import Read
from registry.platform.files.archive import Archive, Digest
from registry.platform.kernel.errors import Busy
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.text import counted
from registry.platform.kernel.time import civil_day, last_day_before
from registry.platform.ledger.commands import Event, keyed_hash
from registry.platform.ledger.event_types import EventType
from registry.platform.print.pdf import is_installed, make_pdf

_PDF = "application/pdf"
_NO_PDF = "No PDF of this index was made: the registry that made this file has no PDF engine installed."
_OF_DAYS = (
    "The days on which a party was bound are read from the record as it is known now: an own act of an earlier day "
    "counts from its recording until all whose days it touches have agreed to its own day, or have not contested it in "
    "time. What is contested, or has not taken effect, changes none of them."
)
_OF_THE_WHOLE = (
    "The file holds what its reader may read. Who acted for an agency, and from which address, is not part of it.",
    "The file is made from the record as it stood then. Of what was signed here the frozen version is what was signed. "
    "Of what was transcribed from paper the paper is, and the version is what the record says of it.",
)
_OF_THE_PUBLIC = (
    "The file holds the public provisions of each version, and the public documents, that every party agreed to "
    "publish. Signatures, duties, redlines and the history are for the parties.",
    "Notices, reports or other acts may be out that are not public: they may change until when a party is bound, and "
    "this file tells nothing of them. Ask a party.",
    "An exemption is cited as the agency that withheld the passage gave it; have counsel review.",
)


class AgreementFile(Struct, kw_only=True, frozen=True):
    """A finished archive, and what an answer says of it. Whoever has it sends it, or closes it."""

    archive: Archive
    whole: Digest
    number: str
    audience: Audience
    restricted: bool


async def export_file(
    read: Read,
    own_transaction: OwnTransaction,
    caller: Caller,
    files: Files,
    ledger_key: bytes,
    agreement_id: UUID,
    audience: Audience,
) -> AgreementFile:
    """Make the file of an agreement for its caller, or the one for the public.

    The readings of restricted text and the export itself are recorded before it is returned. Raises NotFound; Forbidden
    for whoever is no party; WrongStatus for an agreement that is not public; Busy where the file cannot be made or
    recorded, or the agreement was changed meanwhile.
    """
    if audience is Audience.PUBLIC:
        row = await agreement_row(read, caller.principal, agreement_id)
        check_published(published=bool(row.is_public))
        found = await get_agreement(read, NOT_A_PARTY, agreement_id, caller.now)
        timeline = await timeline_of(read, found, NOT_A_PARTY.agency_id, caller.now)
        parts = public_file(read, found, timeline, caller.now)
    else:
        row, _ = await versions_for(read, caller.principal, agreement_id, caller.now)
        found = await get_agreement(read, caller.principal, agreement_id, caller.now)
        timeline = await timeline_of(read, found, caller.agency_id, caller.now)
        parts = whole_file(read, caller, found, timeline)
    archive = Archive(files.store.incoming)
    try:
        written = _Written(archive, files, ledger_key)
        await written.all(parts)
        manifest = await written.end(found, timeline, audience)
        if (await agreement_row(read, caller.principal, agreement_id)).version != row.version:
            raise Busy("The agreement was changed while its file was made. Try again.")
        whole = await archive.finish()
        readings = [
            RestrictedReading(agreement_id=agreement_id, custodian_id=row.custodian_id, data=data)
            for data in written.readings
        ]
        exported = Event(
            type=EventType.AGREEMENT_FILE_EXPORTED,
            subject=("agreement_file", new_id(), 0),
            agencies=[row.custodian_id] if audience is Audience.PARTIES else [],
            agreement_id=agreement_id,
            data={"audience": audience, "manifest_sha256": manifest.sha256, "parts": len(written.parts)},
        )
        await record_readings(own_transaction, caller, readings, beside=[exported])
    except BaseException:
        archive.close()
        raise
    return AgreementFile(
        archive=archive, whole=whole, number=found.number, audience=audience, restricted=bool(readings)
    )


class _Written:
    """What was written to the archive so far."""

    def __init__(self, archive: Archive, files: Files, ledger_key: bytes) -> None:
        self._archive = archive
        self._ledger_key = ledger_key
        self._files = files
        self.parts: list[FilePart] = []
        self.withheld: list[WithheldPart] = []
        self.readings: list[Any] = []
        self.origins: list[str] = []
        self.warnings: list[str] = []
        self._last_recorded: str | None = None

    async def all(self, found: AsyncIterator[Found]) -> None:
        """Write each part as it is found."""
        async for each in found:
            if isinstance(each, WithheldPart):
                self.withheld.append(each)
                continue
            await self._add(each)
            self.origins += [] if each.origin is None else [each.origin]
            self.warnings += each.warnings
            self.readings += [reading for reading in each.readings if reading not in self.readings]
            if each.path == "history.json":
                self._last_recorded = _last_recorded(each.content)

    async def _add(self, part: Part) -> Digest:
        if part.stored_sha256 is None:
            digest = await self._archive.add(part.path, part.content)
        else:
            pieces = await self._files.store.open(part.stored_sha256)
            digest = await self._archive.add_stream(part.path, part.size_bytes, pieces)
            if digest.sha256 != part.stored_sha256:
                raise Busy(f"{part.title}: the stored file is damaged. Tell the operator.", "file_store_unavailable")
        self.parts.append(
            FilePart(
                path=part.path,
                title=part.title,
                media_type=part.media_type,
                source=part.source,
                size_bytes=digest.size,
                sha256=digest.sha256,
            )
        )
        return digest

    async def end(self, found: Agreement, timeline: Timeline, audience: Audience) -> Digest:
        """Write how to verify, the index and the manifest; the manifest's digest."""
        source = f"/v1/agreements/{found.id}/{'public-file' if audience is Audience.PUBLIC else 'file'}.zip"
        await self._add(
            Part(
                path="verify.txt",
                title="How to verify this file",
                media_type=TEXT,
                source=source,
                content=verification(
                    audience, found.id, self.origins, [(each.path, each.sha256) for each in self.parts]
                ).encode(),
            )
        )
        printed = is_installed()
        notes = _OF_THE_PUBLIC if audience is Audience.PUBLIC else _OF_THE_WHOLE
        index = FileIndex(
            agreement_id=found.id,
            number=found.number,
            title=found.title,
            kind=found.kind,
            status=_status(found),
            as_of=civil_day(found.as_of, found.time_zone),
            starts_on=found.effective_on,
            ends=_ends(found) + _unless_received(found),
            warnings=list(dict.fromkeys([*(each.detail for each in found.remarks), *self.warnings])),
            audience=audience,
            custodian=found.custodian_agency.name,
            parties=[party.agency.name for party in found.parties],
            receipts=list(receipt_lines(found.parties, found.reported_acts)),
            recorded_until=self._last_recorded,
            notes=[*notes, _OF_DAYS, *self.origins, *([] if printed else [_NO_PDF])],
            timeline=timeline,
            parts=list(self.parts),
            withheld=list(self.withheld),
        )
        page = index_page(index).encode()
        await self._add(Part(path="index.html", title="The index", media_type=HTML, source=source, content=page))
        if printed:
            made = await make_pdf(index_template(), printed_index(index))
            await self._add(
                Part(path="index.pdf", title="The index, as a PDF", media_type=_PDF, source=source, content=made)
            )
        manifest = FileManifest(
            agreement_id=index.agreement_id,
            number=index.number,
            title=index.title,
            audience=audience,
            recorded_until=index.recorded_until,
            notes=index.notes,
            warnings=index.warnings,
            parts=self.parts,
            withheld=self.withheld,
            verification="verify.txt",
            salt="",
        )
        # The same record gives the same bytes, so the salt is made of them, with a key that no reader has: whoever is
        # told the manifest's digest by the ledger, and not given the file, can try out no guesses of what is in it.
        salt = keyed_hash(self._ledger_key, found.id, as_json(manifest).decode())
        manifest = msgspec.structs.replace(manifest, salt=salt)
        return await self._add(
            Part(path="manifest.json", title="The manifest", media_type=JSON, source=source, content=as_json(manifest))
        )


def _status(found: Agreement) -> str:
    """The status in words; of an end that is only reported by whom, and who has not confirmed it, or contests it."""
    contested = next((each for each in found.remarks if each.code == RemarkCode.END_REPORTED), None)
    end = next((each for each in found.proposals if each.status is ProposalStatus.REPORTED), None)
    if end is None:
        return found.status if contested is None else f"{found.status} ({contested.detail.rstrip('.')})"
    unsaid = ", ".join(party.name for party in end.outstanding)
    return f"reported ended by {end.proposed_by.name}, not confirmed by {unsaid}"


def _ends(found: Agreement) -> str:
    """The last day of the agreement and, where that is another, of the running term, in words."""
    last = None if found.ends_at is None else last_day_before(found.ends_at, found.time_zone)
    if found.term_ends_on in (None, last):
        return _no_end(found) if last is None else str(last)
    months = "" if found.auto_renew_months is None else f" by {counted(found.auto_renew_months, 'month')} each time"
    if found.auto_renew_times == "silent":
        months += ", once, since how often is entered as not said"
    through = "" if last is None else f", through {last} at the latest"
    return f"{found.term_ends_on}, which is the running term; unless that is declined it renews itself{months}{through}"


def _unless_received(found: Agreement) -> str:
    """That the end is not known as long as a receipt is awaited of a notice, by the names of those who gave one."""
    lines = receipt_lines(found.parties, found.reported_acts)
    waits = list(dict.fromkeys(each.giver for each in lines if each.awaited))
    if not waits:
        return ""
    return f"; for {', '.join(waits)} not known: a notice counts from its receipt, which is awaited"


def _no_end(found: Agreement) -> str:
    """That no day ends it, and whether its terms say so, as far as they are shown."""
    if any(each.code == RemarkCode.EXPIRY_SILENT for each in found.remarks):
        return "no end on record: no last day is entered, nor that it goes on until it is ended"
    if found.terms is not None and found.terms.open_ended == "stated":
        return "when it is ended: its terms say that it goes on until then"
    return "no end on record"


class _RecordedAt(Struct, frozen=True):
    recorded_at: str


class _History(Struct, frozen=True):
    events: list[_RecordedAt]


def _last_recorded(history: bytes) -> str | None:
    events = msgspec.json.decode(history, type=_History).events
    return events[-1].recorded_at if events else None


@cache
def index_template() -> bytes:
    """The template of the index as a PDF."""
    return (package_files("registry.agreements.dossier") / "index.typ").read_bytes()
