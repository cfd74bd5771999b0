"""`registry ledger`: the keys of the ledger, its checkpoints, and whether it is what was sealed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import click
from sqlalchemy.engine import Connection

from registry.agreements.instruments.commands.legal_holds import hold_among_events
from registry.cli.session import (
    ConfigurationError,
    current,
    local_caller,
    long_work,
    reporting_errors,
    run,
    settings_or_exit,
)
from registry.platform.database.connect import unit_of_work
from registry.platform.database.in_use import Use
from registry.platform.database.migrate import newest_revision
from registry.platform.database.snapshot import in_snapshot
from registry.platform.database.soundness import revision_of
from registry.platform.encryption import SecretKeys
from registry.platform.ledger.archiving import (
    ArchivedSegment,
    LedgerArchiveError,
    Manifest,
    verify_archive,
    write_archive,
)
from registry.platform.ledger.cosigning import add_cosignature
from registry.platform.ledger.dropping import YOUNGEST, drop_segment, lift_ledger_hold, place_ledger_hold
from registry.platform.ledger.notes import NoteError, VerifierKey, parse_checkpoint, parse_key, parse_note, verified_by
from registry.platform.ledger.proving import list_keys, newest_checkpoint
from registry.platform.ledger.segments import SegmentError, export_segment, verify_segment
from registry.platform.ledger.signing import LedgerKeys, ensure_key, rotate_key
from registry.platform.ledger.verifying import Held, LedgerVerified, verify_ledger
from registry.platform.settings import Settings
from registry.platform.webhooks.queries import deliveries_among_events


class _Key(click.ParamType[VerifierKey]):
    """A verifier key."""

    name = "key"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> VerifierKey:
        if isinstance(value, VerifierKey):
            return value
        try:
            return parse_key(str(value))
        except NoteError as error:
            self.fail(f"{error}.", param, ctx)


_KEYS = click.option(
    "--key",
    "keys",
    type=_Key(),
    multiple=True,
    help="A verifier key that you know from elsewhere; can be repeated.",
)


def _keys_of(settings: Settings) -> LedgerKeys:
    return LedgerKeys(SecretKeys(settings.secret_keys), settings.public_url)


@click.command()
@click.option(
    "--origin", help="The ledger's name, if there is none yet: a host and a path, such as example.gov/ledger."
)
def key(origin: str | None) -> None:
    """Print the keys by which checkpoints are verified, the newest first; make the first one if there is none.

    Give it to the agencies by another way than the registry itself, such as paper.

    \b
    Example:
      registry ledger key
    """

    async def work(settings: Settings) -> Sequence[str]:
        async with current(settings) as database:
            if not (await list_keys(database.read())).keys or origin is not None:
                async with unit_of_work(database) as write:
                    try:
                        await ensure_key(write, _keys_of(settings), local_caller(), origin)
                    except NoteError as error:
                        raise ConfigurationError(f"--origin: {error}.") from None
            found = await list_keys(database.read())
            return [each.verifier_key + _until(each.retired_at) for each in found.keys]

    for line in run(settings_or_exit(), work):
        click.echo(line)


def _until(retired_at: object) -> str:
    return "" if retired_at is None else f"  (signs until {retired_at})"


@click.command()
@click.option("--at-once", is_flag=True, help="The earlier key signs no longer: it is in wrong hands.")
def rotate(at_once: bool) -> None:
    """Let a new key sign checkpoints; the earlier one signs beside it for thirty days.

    \b
    Examples:
      registry ledger rotate
      registry ledger rotate --at-once
    """

    async def work(settings: Settings) -> VerifierKey:
        async with current(settings) as database, unit_of_work(database) as write:
            return await rotate_key(write, _keys_of(settings), local_caller(), at_once=at_once)

    made = run(settings_or_exit(), work)
    click.echo(
        f"{made}\nsigns from now on; the earlier key {'signs no longer' if at_once else 'signs for thirty days more'}."
    )


@click.command()
def checkpoint() -> None:
    """Print the newest checkpoint as a signed note: keep it where those who operate the registry cannot change it.

    \b
    Example:
      registry ledger checkpoint > checkpoint-2026-11-30.txt
    """

    async def work(settings: Settings) -> str:
        async with current(settings) as database:
            return (await newest_checkpoint(database.read())).note

    click.echo(run(settings_or_exit(), work), nl=False)


@click.command()
@click.argument("note", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--witness", type=_Key(), required=True, help="The verifier key of the witness.")
def cosign(note: Path, witness: VerifierKey) -> None:
    """Keep the line that a witness put under a checkpoint, once it is verified; NOTE is the checkpoint with that line.

    \b
    Example:
      registry ledger cosign cosigned.txt --witness witness.example+1c2d3e4f+BA…
    """
    text = note.read_text("utf-8")

    async def work(settings: Settings) -> int:
        async with current(settings) as database, unit_of_work(database) as write:
            try:
                return await add_cosignature(write, text, witness, local_caller().now)
            except NoteError as error:
                raise ConfigurationError(f"{note}: {error}.") from None

    click.echo(f"The checkpoint of {run(settings_or_exit(), work):,} events bears the line of {witness.name}.")


@click.command()
@click.argument("segment", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--checkpoint",
    "checkpoints",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="A checkpoint that was kept: the ledger must still hold what it says. Several, if need be.",
)
@click.option("--from", "since", is_flag=True, help="Leave out the events before the (last) checkpoint given.")
@click.option(
    "--archive",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Verify the files in this folder, which `registry ledger archive` wrote.",
)
@_KEYS
def verify(
    segment: Path | None,
    checkpoints: tuple[Path, ...],
    since: bool,
    archive: Path | None,
    keys: tuple[VerifierKey, ...],
) -> None:
    """Verify the whole ledger in the database of the settings, or a SEGMENT that was exported, without any setting.

    It reads only. What is wrong is named by the first event that it touches. A SEGMENT, and an archive, are verified by
    --key alone.

    Exit codes: 0 nothing is wrong; 1 something is, and named; 2 it could not be verified.

    \b
    Examples:
      registry ledger verify
      registry ledger verify --checkpoint kept.txt --key registry.example/ledger+0a1b2c3d+AQ…
      registry ledger verify segment.ndjson --key registry.example/ledger+0a1b2c3d+AQ…
      registry ledger verify --archive /srv/ledger --key registry.example/ledger+0a1b2c3d+AQ…
    """
    held = [_held(path, keys) for path in checkpoints]
    if since and not held:
        raise ConfigurationError("--from is the checkpoint from which on is verified: name it with --checkpoint.")
    if segment is not None:
        _verify_segment(segment, held, keys)
        return
    if archive is not None:
        _verify_archive(archive, held, keys)
        return
    settings = settings_or_exit()
    size = max(each.checkpoint.size for each in held) if since else 0

    def look(connection: Connection) -> LedgerVerified:
        if (revision := revision_of(connection)) != newest_revision():
            raise ConfigurationError(f"The schema is at {revision}, and this version has {newest_revision()}.")
        return verify_ledger(connection, keys=keys, held=held, from_size=size)

    async def work(settings: Settings) -> LedgerVerified:
        return await in_snapshot(settings.database_url, look, pooler=settings.database_pooler)

    with long_work("The ledger is verified"):
        found = run(settings, work, use=Use.READ)
    click.echo(
        f"{found.sealed:,} sealed events with root {found.root.hex()}, {found.unsealed:,} that wait to be sealed, "
        f"{found.checkpoints:,} checkpoints."
    )
    if found.archived:
        click.echo(f"Of {found.archived:,} the leaf alone is here: their archive is verified with --archive.")
    _end(found.faults)


def _held(path: Path, keys: Sequence[VerifierKey]) -> Held:
    """A checkpoint that was kept. With keys, it must be signed by one of them."""
    try:
        note = parse_note(path.read_text("utf-8"))
        if keys and not verified_by(note, keys):
            raise ConfigurationError(f"{path} is not signed by the key that you gave.")
        return Held(checkpoint=parse_checkpoint(note), whose=str(path))
    except (NoteError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is no checkpoint: {error}.") from None


def _verify_segment(path: Path, held: Sequence[Held], keys: Sequence[VerifierKey]) -> None:
    if not keys:
        raise ConfigurationError("A segment is verified by the key alone: say it with --key.")
    try:
        with path.open("rb") as lines:
            found = verify_segment(lines, keys, held)
    except SegmentError as error:
        raise click.ClickException(f"{path}: {error}.") from None
    click.echo(
        f"{path}: places {found.start} to {found.checkpoint.size - 1}, {found.shown:,} events in full and "
        f"{found.hidden:,} as hashes alone, under a checkpoint of {found.checkpoint.origin}."
    )
    _end(found.faults)


def _verify_archive(folder: Path, held: Sequence[Held], keys: Sequence[VerifierKey]) -> None:
    if not keys:
        raise ConfigurationError("An archive is verified by the key alone: say it with --key.")
    with long_work("The archive is verified"):
        try:
            found = verify_archive(folder, keys, held)
        except LedgerArchiveError as error:
            raise click.ClickException(f"{error}.") from None
    click.echo(f"{folder}: {found.events:,} events of {found.origin} in {found.segments:,} segments.")
    _end(found.faults)


def _end(faults: Sequence[str]) -> None:
    for fault in faults:
        click.echo(fault, err=True)
    if faults:
        raise click.ClickException("The ledger is not what was sealed." if len(faults) > 1 else faults[0])
    click.echo("Nothing is wrong.")


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--from", "start", type=click.IntRange(0), default=0, show_default=True, help="The first place.")
@click.option("--size", type=click.IntRange(1), help="Up to the checkpoint of so many events; the newest without it.")
@click.option(
    "--agency", type=click.UUID, help="In full only what this agency's auditors may read, the rest as hashes."
)
def export(target: Path, start: int, size: int | None, agency: object) -> None:
    """Write a segment of the ledger to TARGET, which whoever has the key can verify without the registry.

    \b
    Examples:
      registry ledger export ledger.ndjson
      registry ledger export ours.ndjson --agency 01900000-0000-7000-8000-000000000002
    """
    settings = settings_or_exit()

    def write(connection: Connection) -> int:
        with target.open("xb") as file:
            target.chmod(0o600)
            return export_segment(connection, file.write, start=start, size=size, agency_id=agency)  # type: ignore[arg-type]  # click made it

    async def work(settings: Settings) -> int:
        return await in_snapshot(settings.database_url, write, pooler=settings.database_pooler)

    with long_work("The segment is written"), reporting_errors():
        try:
            count = run(settings, work, use=Use.READ)
        except SegmentError as error:
            target.unlink(missing_ok=True)
            raise ConfigurationError(f"{error}.") from None
    click.echo(f"{target}: {count:,} events.")


@click.command()
@click.option(
    "--before",
    type=click.DateTime(["%Y-%m-%d"]),
    required=True,
    help="Archive what was signed before that day, in UTC.",
)
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The folder of the archive; the same one each time.",
)
@click.option("--drop", is_flag=True, help="Drop from the database what is in the archive and older than a year.")
@click.option("--kept-by", help="With --drop: where agencies ask for the archive, such as records@county.example.")
def archive(before: datetime, folder: Path, drop: bool, kept_by: str | None) -> None:
    """Write sealed segments of the ledger as compressed files, and drop their events from the database if asked to.

    The files hold who acted, too: keep the folder as you keep backups, encrypted and in two places. Their hashes stay
    in the database, so that everything can be proved as before. A run that was stopped is repeated.

    \b
    Examples:
      registry ledger archive --before 2026-01-01 --to /srv/ledger
      registry ledger archive --before 2026-01-01 --to /srv/ledger --drop --kept-by records@county.example
    """
    until = before.replace(tzinfo=UTC)
    if drop and not (kept_by or "").strip():
        raise ConfigurationError("--drop tells agencies where they ask for the archive: say it with --kept-by.")
    if drop and until > local_caller().now - YOUNGEST:
        raise ConfigurationError("--drop takes what is older than a year: name an earlier day with --before.")
    settings = settings_or_exit()

    def told(segment: ArchivedSegment) -> None:
        click.echo(f"{folder / segment.name}: places {segment.start} to {segment.tree_size - 1}.")

    def write(connection: Connection) -> Manifest:
        return write_archive(connection, folder, until, told)

    async def copied(settings: Settings) -> Manifest:
        return await in_snapshot(settings.database_url, write, pooler=settings.database_pooler)

    async def dropped(settings: Settings) -> int:
        total = 0
        async with current(settings) as database:
            for segment in manifest.segments:
                if segment.last_recorded_at < until:
                    async with unit_of_work(database) as write:
                        total += await drop_segment(write, local_caller(), folder, segment, str(kept_by), _KEEPERS)
        return total

    try:
        with long_work("The ledger is archived"):
            manifest = run(settings, copied, use=Use.READ)
        click.echo(f"{folder} holds the first {manifest.tree_size:,} events.")
        if drop:
            click.echo(f"{run(settings, dropped):,} events were dropped from the database.")
    except LedgerArchiveError as error:
        raise click.ClickException(f"{error}.") from None


_KEEPERS = (hold_among_events, deliveries_among_events)


@click.command()
@click.argument("authority")
@click.option("--reason", required=True, help="What for, such as the number of the case.")
def hold(authority: str, reason: str) -> None:
    """Place a legal hold on the whole ledger by AUTHORITY: nothing is dropped from the database until it is lifted.

    \b
    Example:
      registry ledger hold "Superior Court of Kent County" --reason "case 2026-118"
    """

    async def work(settings: Settings) -> UUID:
        async with current(settings) as database, unit_of_work(database) as write:
            return await place_ledger_hold(write, local_caller(), authority, reason)

    click.echo(f"{run(settings_or_exit(), work)}\nholds the ledger, until `registry ledger lift-hold` lifts it.")


@click.command(name="lift-hold")
@click.argument("hold_id", type=click.UUID)
@click.option("--authority", required=True, help="By whose authority it is lifted.")
@click.option("--reason", required=True, help="Why.")
def lift_hold(hold_id: UUID, authority: str, reason: str) -> None:
    """Lift the legal hold HOLD_ID on the whole ledger.

    \b
    Example:
      registry ledger lift-hold 01900000-0000-7000-8000-00000000000a --authority "Kent County" --reason "case closed"
    """

    async def work(settings: Settings) -> None:
        async with current(settings) as database, unit_of_work(database) as write:
            await lift_ledger_hold(write, local_caller(), hold_id, authority, reason)

    run(settings_or_exit(), work)
    click.echo("The hold is lifted.")


COMMANDS = {
    "key": key,
    "rotate": rotate,
    "checkpoint": checkpoint,
    "cosign": cosign,
    "verify": verify,
    "export": export,
    "archive": archive,
    "hold": hold,
    "lift-hold": lift_hold,
}
