"""Filing a folder of texts with the agreements that a tracker or a published list brought, as often as it is sent.

Each file is filed in a transaction of its own with the one agreement to which its name belongs. What belongs to none,
or to several, is named in the report and filed nowhere.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final
from uuid import UUID

from registry.agreements.documents.commands import Files, file_document, read_file
from registry.agreements.documents.queries import recorded_by, status_on_file
from registry.agreements.documents.rules import DocumentKind, DocumentStatus
from registry.agreements.documents.schemas import NewDocument
from registry.agreements.instruments.queries.actions import relations
from registry.agreements.instruments.queries.rows import agreement_row
from registry.agreements.tracker.file_names import AgreementOfFiles, FileNames
from registry.agreements.tracker.schemas import FileOutcome, FileReport, FilesReport
from registry.platform.access.permissions import Action, refusal
from registry.platform.access.principals import Caller
from registry.platform.bulk.batches import Progress, no_progress
from registry.platform.database.connect import Database, unit_of_work
from registry.platform.files.kinds import ANY, MAIL, PLAIN
from registry.platform.kernel.errors import Busy, DomainError, NotFound

MOST_NAMED: Final = 5
LONGEST_NAME: Final = 200
_CHUNK: Final = 1 << 20
# Of plain text and e-mail the first bytes tell nothing; of every other kind they do.
_KINDS: Final = {".txt": PLAIN, ".text": PLAIN, ".eml": MAIL}
_NO_NAME: Final = "Its name bears no agreement's number or title, and no row names it."
_SEVERAL: Final = "Its name belongs to {}."
_NOT_ENTERED: Final = "Its agreement was not taken over."
_DRAFT: Final = "Its agreement is a draft, which the custodian alone sees: it files its texts itself."
_WITHDRAWN: Final = "It was filed before and withdrawn: who wants it on file again files it by itself."
_VOUCHES_FOR_NONE: Final = (
    "No version here was recorded by its hash, so it vouches for the hands of none: whoever knows which text it is a "
    "signed copy of files it as one of that version (`version_no`)."
)
_LACKING: Final = "A row names it, and it is not in the folder."


def files_of(folder: Path) -> list[Path]:
    """Every file in the folder and below it, in order; hidden ones and links are left out. Raises OSError."""
    if not folder.is_dir():
        raise NotADirectoryError(20, "no folder", str(folder))
    found = []
    for path in folder.rglob("*"):
        inside = path.relative_to(folder).parts
        if path.is_file() and not path.is_symlink() and not any(part.startswith(".") for part in inside):
            found.append(path)
    return sorted(found)


async def file_texts(
    database: Database,
    caller: Caller,
    ledger_key: bytes,
    files: Files,
    folder: Path,
    agreements: Sequence[AgreementOfFiles],
    *,
    kind: DocumentKind = DocumentKind.OTHER,
    most_bytes: int,
    dry_run: bool = False,
    on_progress: Progress = no_progress,
) -> FilesReport:
    """File each text of the folder with its agreement; what is on file with it already stays as it is.

    A signed copy is filed as one of the version that was recorded by its hash; of another the report says that it
    vouches for none.

    A dry run reads every file and writes nothing. Work that breaks off has filed whole files, and is simply run again.
    Raises OSError for a folder that cannot be read, and Busy when the storage or the database has no time.
    """
    paths = await asyncio.to_thread(files_of, folder)
    names, work = FileNames(agreements), _Filing(database, caller, ledger_key, files, kind, most_bytes, dry_run=dry_run)
    shown = [path.relative_to(folder).as_posix() for path in paths]
    reports = []
    for done, (path, name) in enumerate(zip(paths, shown, strict=True), 1):
        reports.append(await work.take(path, name, names.owners(name)))
        on_progress(done)
    reports += [_report(name, "lacking", owner, detail=_LACKING) for owner, name in names.lacking(shown)]
    counts: Counter[str] = Counter(each.outcome for each in reports)
    return FilesReport(
        dry_run=dry_run,
        filed=counts["filed"],
        unchanged=counts["unchanged"],
        unmatched=counts["unmatched"],
        ambiguous=counts["ambiguous"],
        refused=counts["refused"],
        lacking=counts["lacking"],
        files=reports,
    )


class _Filing:
    """One folder under way."""

    def __init__(
        self,
        database: Database,
        caller: Caller,
        ledger_key: bytes,
        files: Files,
        kind: DocumentKind,
        most_bytes: int,
        *,
        dry_run: bool,
    ) -> None:
        self._database = database
        self._caller = caller
        self._ledger_key = ledger_key
        self._files = files
        self._kind = kind
        self._most_bytes = most_bytes
        self._dry_run = dry_run
        self._taken: set[tuple[str, str]] = set()

    async def take(self, path: Path, name: str, owners: Sequence[AgreementOfFiles]) -> FileReport:
        """File one text, if it belongs to one agreement; what became of it."""
        if not owners:
            return _report(name, "unmatched", detail=_NO_NAME)
        if len(owners) > 1:
            numbers = [each.number for each in owners]
            said = ", ".join(numbers[:MOST_NAMED])
            if (more := len(numbers) - MOST_NAMED) > 0:
                said = f"{said} and {more} more"
            return _report(name, "ambiguous", detail=_SEVERAL.format(said))
        (owner,) = owners
        try:
            return await self._take(path, name, owner)
        except Busy:
            raise
        except DomainError as error:
            return _report(name, "refused", owner, detail=error.detail)

    async def _take(self, path: Path, name: str, owner: AgreementOfFiles) -> FileReport:
        if (await asyncio.to_thread(path.stat)).st_size > self._most_bytes:
            detail = f"It is larger than {self._most_bytes} bytes, the most that is taken (REGISTRY_MAX_UPLOAD_BYTES)."
            return _report(name, "refused", owner, detail=detail)
        if owner.id is None and not self._dry_run:
            return _report(name, "refused", owner, detail=_NOT_ENTERED)
        digest = await asyncio.to_thread(_sha256, path)
        known = (owner.number, digest)
        if known in self._taken:
            return _report(name, "unchanged", owner)
        if owner.id is not None:
            status = await status_on_file(self._database.read(), owner.id, digest)
            if status is DocumentStatus.FILED:
                return _report(name, "unchanged", owner)
            if status is DocumentStatus.WITHDRAWN:
                return _report(name, "refused", owner, detail=_WITHDRAWN)
            if (bar := await self._bar(owner.id)) is not None:
                return _report(name, "refused", owner, detail=bar)
        version_no: int | None = None
        vouching: str | None = None
        if owner.id is not None and self._kind is DocumentKind.SIGNED_COPY:
            version_no = await recorded_by(self._database.read(), owner.id, digest)
            vouching = _VOUCHES_FOR_NONE if version_no is None else None
        media_type = _KINDS.get(path.suffix.lower(), ANY)
        if self._dry_run:
            await read_file(self._files.reader, path, media_type, self._caller.agency_id)
        else:
            assert owner.id is not None
            await self._file(path, owner.id, digest, media_type, version_no)
        self._taken.add(known)
        return _report(name, "filed", owner, detail=vouching)

    async def _bar(self, agreement_id: UUID) -> str | None:
        """Why the caller may file nothing with the agreement; None where it may."""
        principal = self._caller.principal
        try:
            row = await agreement_row(self._database.read(), principal, agreement_id)
        except NotFound:
            return _DRAFT
        return refusal(principal, Action.DOCUMENTS_FILE, relations(principal, row))

    async def _file(self, path: Path, agreement_id: UUID, digest: str, media_type: str, version_no: int | None) -> None:
        new = NewDocument(kind=self._kind, filename=path.name[:LONGEST_NAME], sha256=digest, version_no=version_no)
        async with unit_of_work(self._database) as write:
            await file_document(
                self._database.read(),
                partial(unit_of_work, self._database),
                write,
                self._caller,
                self._files,
                self._ledger_key,
                agreement_id,
                new,
                media_type,
                _chunks(path),
            )


def _report(
    name: str, outcome: FileOutcome, owner: AgreementOfFiles | None = None, *, detail: str | None = None
) -> FileReport:
    return FileReport(
        file=name,
        outcome=outcome,
        number=None if owner is None else owner.number,
        agreement_id=None if owner is None else owner.id,
        detail=detail,
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk
