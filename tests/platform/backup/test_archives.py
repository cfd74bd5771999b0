"""`registry backup`, `restore` and `verify` on SQLite: what an archive holds, and what is refused."""

import gzip
import os
import random
import re
import shutil
import sqlite3
import stat
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest

from registry.platform.backup.inspecting import Archive, unpack
from registry.platform.backup.manifest import ArchiveError
from registry.platform.database.sqlite_driver import sqlite_module
from tests.platform.backup.conftest import TEXTS, Stocked
from tests.support.cases import every_case
from tests.support.command import command

DIGEST = r"digest [0-9a-f]{64}"


def figures(said: str) -> str:
    """Schema, rows, events and their digest, as a command tells them."""
    return said[said.index("schema ") :].partition(";")[0]


def emptied(folder: Path) -> bool:
    """Whether nothing is left of a restore, not even lock files."""
    return not any(path.is_file() for path in folder.rglob("*"))


def filed(data_dir: Path) -> dict[str, bytes]:
    """The documents in a data directory by their names."""
    return {path.name: path.read_bytes() for path in (data_dir / "documents").glob("??/*")}


def test_an_archive_holds_database_and_documents_and_plain_tar_reads_it(stocked: Stocked) -> None:
    with tarfile.open(stocked.archive, "r:") as tar:
        names = tar.getnames()
        assert names == ["manifest.json", "registry.db", *(f"documents/{each}" for each in stocked.hashes)]
        manifest = msgspec.json.decode(tar.extractfile("manifest.json").read())  # type: ignore[union-attr]
        texts = {tar.extractfile(name).read().decode() for name in names[2:]}  # type: ignore[union-attr]
    assert texts == set(TEXTS)
    assert (manifest["format"], manifest["dialect"], manifest["purpose"]) == (1, "sqlite", "demonstration")
    assert manifest["counts"]["document"] == 4
    assert manifest["ledger"]["events"] == manifest["counts"]["ledger_event"] > 0
    assert stat.S_IMODE(stocked.archive.stat().st_mode) == 0o600
    assert list(stocked.archive.parent.glob(".*")) == [], "nothing temporary stays"


def test_it_is_checked_without_settings_and_restored_to_the_same(stocked: Stocked, tmp_path: Path) -> None:
    run = command(tmp_path)
    checked = run("verify", str(stocked.archive), DEMO=None, DATA_DIR=None)
    assert checked.exit_code == 0, checked.output
    assert figures(checked.stdout) == figures(stocked.said)
    restored = run("restore", str(stocked.archive))
    assert restored.exit_code == 0, restored.output
    assert "Warning" not in restored.output
    assert filed(tmp_path / "data") == filed(stocked.data_dir)
    there = run("verify")
    assert there.exit_code == 0, there.output
    assert figures(there.stdout) == figures(stocked.said)
    assert "3 documents" in there.stdout
    assert run("migrate").stdout == "The schema is at 0001 already; no shared words changed.\n"


def test_nothing_is_overwritten_without_being_told(stocked: Stocked, tmp_path: Path) -> None:
    run = stocked.copy(tmp_path)
    target = tmp_path / "kept.tar"
    target.write_text("dear to somebody")
    refused = run("backup", str(target))
    assert (refused.exit_code, target.read_text()) == (2, "dear to somebody")
    assert "exists already" in refused.output
    assert run("backup", str(target), "--replace").exit_code == 0
    (tmp_path / "many").mkdir()
    assert run("backup", str(tmp_path / "many")).exit_code == 0
    (named,) = (tmp_path / "many").iterdir()
    assert named.name.startswith("registry-2")
    nowhere = run("backup", str(tmp_path / "no" / "such.tar"))
    assert (nowhere.exit_code, "There is no folder" in nowhere.output) == (2, True)


def test_without_a_database_there_is_nothing_to_back_up_or_verify(tmp_path: Path) -> None:
    run = command(tmp_path)
    for arguments in (["backup", str(tmp_path / "a.tar")], ["verify"]):
        result = run(*arguments)
        assert (result.exit_code, "There is no database at" in result.output) == (1, True)
    assert not (tmp_path / "a.tar").exists()


def test_a_missing_or_changed_document_stops_a_backup_unless_it_may_be_incomplete(
    stocked: Stocked, tmp_path: Path
) -> None:
    run = stocked.copy(tmp_path)
    gone, changed, _ = stocked.hashes
    (tmp_path / "data" / "documents" / gone[:2] / gone).unlink()
    spoiled = tmp_path / "data" / "documents" / changed[:2] / changed
    content = spoiled.read_bytes()
    spoiled.chmod(0o600)
    spoiled.write_bytes(content[:-1] + b"!")
    target = tmp_path / "a.tar"
    refused = run("backup", str(target))
    assert (refused.exit_code, f"document {gone} is missing" in refused.output) == (1, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"], "nothing is left behind"
    verified = run("verify")
    assert verified.exit_code == 1
    assert f"document {gone} is missing\n" in verified.stdout
    assert f"document {changed} is damaged" in verified.stdout
    made = run("backup", str(target), "--incomplete")
    assert (made.exit_code, "It lacks 2 documents" in made.output) == (1, True)
    assert gone in made.output
    checked = run("verify", str(target))
    assert (checked.exit_code, checked.stdout.count("is not in the archive")) == (1, 2)
    elsewhere = command(tmp_path / "elsewhere")
    assert elsewhere("restore", str(target)).exit_code == 1
    assert emptied(tmp_path / "elsewhere")
    assert elsewhere("restore", str(target), "--incomplete").exit_code == 0
    # What another archive has is put back beside what is there.
    mended = elsewhere("restore", str(stocked.archive), "--only", "documents")
    assert (mended.exit_code, mended.stdout) == (0, "3 documents are put back.\n")
    assert elsewhere("verify").exit_code == 0


def test_content_that_is_only_claimed_is_no_document(stocked: Stocked, tmp_path: Path) -> None:
    """An upload under way, or one that came to nothing and is swept between the snapshot and its turn."""
    run = stocked.copy(tmp_path)
    with sqlite3.connect(tmp_path / "data" / "demo.db") as database:
        database.execute("INSERT INTO document_content VALUES (?, 5, '2026-01-01T00:00:00.000000Z')", ("0" * 64,))
    made = run("backup", str(tmp_path / "a.tar"))
    assert (made.exit_code, "3 documents" in made.stdout) == (0, True)


def test_what_was_tampered_with_is_named(stocked: Stocked, tmp_path: Path) -> None:
    run = stocked.copy(tmp_path)
    module = sqlite_module()
    database = module.connect(tmp_path / "data" / "demo.db", isolation_level=None)
    (trigger,) = database.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'ledger_event' AND sql LIKE '%UPDATE%'"
    ).fetchone()
    (event,) = database.execute("SELECT min(id) FROM ledger_event").fetchone()
    for statement in (
        f"DROP TRIGGER {trigger}",
        "UPDATE ledger_event SET private = x'7b7d' WHERE id = (SELECT min(id) FROM ledger_event)",
        "UPDATE ledger_event SET type = 'loan.returned' WHERE id = (SELECT max(id) FROM ledger_event)",
        "PRAGMA foreign_keys = OFF",
        "DELETE FROM agency_ori",
        "UPDATE agreement SET custodian_id = x'00000000000000000000000000000000'",
    ):
        database.execute(statement)
    database.close()
    found = run("verify")
    assert found.exit_code == 1
    for words in (
        f"schema: trigger {trigger} is not as this version has it",
        "has another private part than was recorded",
        "says something else than its columns",
        "rows of agreement refer to what is not in agency",
        "The registry is not whole: 4 faults.",
    ):
        assert words in found.output, words
    assert event.hex()[:8] in found.output


@pytest.mark.parametrize("name", ["plain", "x_alembic_version", "sqliteXstat1", "alembic_version_1"])
def test_a_trigger_that_was_added_is_named_whatever_its_name(stocked: Stocked, tmp_path: Path, name: str) -> None:
    run = stocked.copy(tmp_path)
    database = sqlite_module().connect(tmp_path / "data" / "demo.db", isolation_level=None)
    database.execute(
        f"CREATE TRIGGER {name} AFTER INSERT ON revocation BEGIN "
        "UPDATE revocation SET lifted_at = NEW.revoked_at WHERE id = NEW.id; END"
    )
    database.close()
    found = run("verify")
    assert (found.exit_code, f"schema: trigger {name} is not as this version has it" in found.output) == (1, True)


def test_a_view_in_the_place_of_a_table_is_named_and_never_read(stocked: Stocked, tmp_path: Path) -> None:
    run = stocked.copy(tmp_path)
    database = sqlite_module().connect(tmp_path / "data" / "demo.db", isolation_level=None)
    database.execute("DROP TABLE alembic_version")
    endless = "WITH RECURSIVE n(version_num) AS (SELECT 1 UNION ALL SELECT version_num + 1 FROM n)"
    database.execute(f"CREATE VIEW alembic_version AS {endless} SELECT count(*) AS version_num FROM n")
    database.close()
    found = run("verify")
    assert (found.exit_code, "schema: view alembic_version is none of this version's" in found.output) == (1, True)


def test_a_file_that_is_no_longer_a_database_is_said_in_sentences(stocked: Stocked, tmp_path: Path) -> None:
    run = stocked.copy(tmp_path)
    for suffix in ("-wal", "-shm"):
        (tmp_path / "data" / f"demo.db{suffix}").unlink(missing_ok=True)
    path = tmp_path / "data" / "demo.db"
    body = bytearray(path.read_bytes())
    body[8192:60_000] = os.urandom(60_000 - 8192)
    path.write_bytes(body)
    found = run("verify")
    assert found.exit_code == 1
    assert "Traceback" not in found.output
    assert "not whole" in found.output or "refuses" in found.output


async def drop(_sha256: str, _size: int, chunks: Any) -> None:
    """Read a document and forget it."""
    async for _ in chunks:
        pass


async def test_any_changed_byte_after_the_manifest_and_any_cut_is_found(stocked: Stocked, tmp_path: Path) -> None:
    body = stocked.archive.read_bytes()
    with tarfile.open(stocked.archive, "r:") as tar:
        start = tar.getmember("registry.db").offset
    drawn = random.Random(27)  # which bytes, not a secret
    spoiled = tmp_path / "spoiled.tar"
    unreadable = 0
    with every_case() as case:
        for place in (start, start + 512, len(body) - 1, *(drawn.randrange(start, len(body)) for _ in range(40))):
            spoiled.write_bytes(body[:place] + bytes([body[place] ^ 0x55]) + body[place + 1 :])
            with case(f"byte {place}"), pytest.raises(ArchiveError):
                await unpack(Archive(spoiled), None, drop)
            unreadable += 1
        for end in (0, 100, 512, start, start + 512, len(body) // 2, len(body) - 20_000):
            spoiled.write_bytes(body[:end])
            with case(f"cut at {end}"), pytest.raises(ArchiveError):
                await unpack(Archive(spoiled), None, drop)
    assert unreadable == 43
    spoiled.write_bytes(body + b"more" * 5_000)
    with pytest.raises(ArchiveError, match="after its end"):
        await unpack(Archive(spoiled), None, drop)


Change = Callable[[tarfile.TarInfo], None]


def member(name: str, **values: object) -> tarfile.TarInfo:
    """A header of this name with these values."""
    info = tarfile.TarInfo(name)
    for key, value in values.items():
        setattr(info, key, value)
    return info


def with_members(archive: Path, *more: tarfile.TarInfo, first: bool = False, **changed: object) -> bytes:
    """The archive with further members, or another manifest."""
    out = BytesIO()
    with tarfile.open(archive, "r:") as old, tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as new:
        for extra in more if first else ():
            new.addfile(extra, BytesIO(bytes(extra.size)))
        for info in old.getmembers():
            body = old.extractfile(info).read()  # type: ignore[union-attr]  # a file
            if info.name == "manifest.json":
                body = msgspec.json.encode({**msgspec.json.decode(body), **changed})
            info.size = len(body)
            new.addfile(info, BytesIO(body))
        for extra in () if first else more:
            new.addfile(extra, BytesIO(bytes(extra.size)))
    return out.getvalue()


def hostile(archive: Path) -> dict[str, tuple[bytes, str]]:
    """Archives that nobody should restore, and a part of what is said of each."""
    body, sha256 = archive.read_bytes(), "e" * 64
    link = {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}

    def extended(*more: tarfile.TarInfo, first: bool = False, **changed: object) -> bytes:
        return with_members(archive, *more, first=first, **changed)

    foreign, twice = "does not belong in one", "is twice in it, or not in its place"
    return {
        "nothing": (b"", "This is no archive of the registry"),
        "a few words": (b"Not an archive.", "This is no archive of the registry"),
        "prose": (b"This is not an archive. " * 100, "no archive of the registry, or it is damaged"),
        "zeros": (bytes(10_240), "it has no manifest"),
        "compressed": (gzip.compress(body), "no archive of the registry, or it is damaged"),
        "path that climbs": (extended(member("../../etc/cron.d/x", size=4)), foreign),
        "path that climbs in a document's name": (extended(member(f"documents/../{sha256[:61]}", size=4)), foreign),
        "absolute path": (extended(member("/etc/passwd", size=4)), foreign),
        "symbolic link": (extended(member(f"documents/{sha256}", **link)), foreign),
        "link for the database": (extended(member("registry.db", **link), first=True), foreign),
        "hard link": (extended(member(f"documents/{sha256}", type=tarfile.LNKTYPE, linkname="registry.db")), foreign),
        "device": (extended(member(f"documents/{sha256}", type=tarfile.CHRTYPE)), foreign),
        "named pipe": (extended(member(f"documents/{sha256}", type=tarfile.FIFOTYPE)), foreign),
        "folder": (extended(member("documents", type=tarfile.DIRTYPE)), foreign),
        "sparse file": (extended(member(f"documents/{sha256}", type=tarfile.GNUTYPE_SPARSE)), foreign),
        "long name": (extended(member("documents/" + "e" * 300)), foreign),
        "extended header": (extended(member(f"documents/{sha256}", pax_headers={"comment": "x" * 9_000})), foreign),
        "another file": (extended(member("readme.txt", size=4)), foreign),
        "manifest twice": (extended(member("manifest.json", size=2)), twice),
        "database twice": (extended(member("registry.db", size=2)), twice),
        "documents first": (extended(member(f"documents/{sha256}", size=4), first=True), "it has no manifest"),
        "document more": (extended(member(f"documents/{'f' * 64}", size=4)), "larger than its manifest says"),
        "document of other bytes": (extended(member(f"documents/{'f' * 64}", size=0)), "has other bytes"),
        "larger than it is": (body[:512] + member("registry.db", size=2**60).tobuf(tarfile.GNU_FORMAT), "damaged"),
        "manifest of no kind": (extended(counts="many"), "manifest cannot be read"),
        "manifest without end": (member("manifest.json", size=2**40).tobuf(tarfile.GNU_FORMAT), "is too large"),
        "later format": (extended(format=2), "knows format 1."),
        "later schema": (extended(schema="9999"), "is of a newer version of the registry"),
        "other ledger": (extended(ledger={"events": 1, "sha256": sha256}), "ledger: its digest is"),
        "other counts": (extended(counts={"agency": 1_000_000}), "the manifest says 1000000"),
        "other database": (extended(database={"size_bytes": 3, "sha256": sha256}), "database has another size"),
        "fewer documents": (
            extended(documents={"count": 2, "size_bytes": 10**9, "sha256": sha256}),
            "should hold 2 documents",
        ),
        "no database": (extended(database=None), "holds documents alone"),
    }


def test_hostile_and_damaged_archives_are_refused_and_leave_nothing(stocked: Stocked, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    run = command(outside / "place")
    with every_case() as case:
        for name, (body, words) in hostile(stocked.archive).items():
            with case(name):
                path = tmp_path / "hostile.tar"
                path.write_bytes(body)
                refused = run("restore", str(path))
                code = {"no database": 2, "later format": 3, "later schema": 3}.get(name, 1)
                assert refused.exit_code == code, refused.output
                assert code == 2 or run("verify", str(path)).exit_code == code
                assert words in refused.output
                assert "Traceback" not in refused.output
                assert emptied(outside), "nothing is left"


def test_an_archive_goes_into_an_empty_place_of_its_own_mode(stocked: Stocked, tmp_path: Path) -> None:
    run = command(tmp_path)
    data = tmp_path / "data"
    real = run("restore", str(stocked.archive), DEMO="0", ISSUERS="[]", LEDGER_KEY="0123456789abcdef" * 2)
    assert (real.exit_code, "a demonstration made" in real.output) == (2, True), real.output
    assert emptied(data)
    server = run("restore", str(stocked.archive), DATABASE_URL="postgresql+asyncpg://nobody@127.0.0.1:1/none")
    assert (server.exit_code, "has its own backup" in server.output) == (2, True)
    for wrong in (tmp_path / "absent.tar", tmp_path):
        assert [run(name, str(wrong)).exit_code for name in ("restore", "verify")] == [2, 2]
    (data / "notes.txt").write_text("mine")
    refused = run("restore", str(stocked.archive))
    assert (refused.exit_code, "is not empty (notes.txt is in it)" in refused.output) == (2, True)
    (data / "notes.txt").unlink()
    shutil.copyfile(stocked.database, tmp_path / "elsewhere.db")
    taken = run("restore", str(stocked.archive), DATABASE_URL=f"sqlite:///{tmp_path / 'elsewhere.db'}")
    assert (taken.exit_code, "is there already" in taken.output) == (2, True)
    (data / "restore.unfinished").mkdir()
    broken_off = run("restore", str(stocked.archive))
    assert (broken_off.exit_code, "An earlier restore did not end" in broken_off.output) == (2, True)
    (data / "restore.unfinished").rmdir()
    done = run("restore", str(stocked.archive), DATABASE_URL=f"sqlite:///{tmp_path / 'own' / 'place.db'}")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "own" / "place.db").is_file()


def test_an_archive_with_another_digest_than_was_kept_is_refused(stocked: Stocked, tmp_path: Path) -> None:
    """Whoever exchanges an archive makes its manifest fit; the digest that `backup` printed does not."""
    (kept,) = re.findall("^Its digest is ([0-9a-f]{64});", stocked.said, re.MULTILINE)
    run, other = command(tmp_path), kept[::-1]
    checked = run("verify", str(stocked.archive), "--expect-digest", kept.upper())
    assert (checked.exit_code, checked.stdout.splitlines()[-1]) == (0, f"Its digest is {kept}."), checked.output
    for asked in (["verify"], ["restore"], ["restore", "--only", "documents"]):
        refused = run(*asked, str(stocked.archive), "--expect-digest", other)
        assert (refused.exit_code, f"its digest is {kept}, and not {other}" in refused.stderr) == (1, True), asked
        assert emptied(tmp_path / "data")
    assert run("verify", "--expect-digest", kept).exit_code == 2
    assert run("verify", str(stocked.archive), "--expect-digest", "5f2b").exit_code == 2
    assert run("restore", str(stocked.archive), "--expect-digest", kept).exit_code == 0


def test_another_ledger_key_is_warned_of(stocked: Stocked, tmp_path: Path) -> None:
    done = command(tmp_path)("restore", str(stocked.archive), LEDGER_KEY="fedcba9876543210" * 2)
    assert done.exit_code == 0, done.output
    assert "REGISTRY_LEDGER_KEY is not the one" in done.stderr


def test_database_and_documents_can_be_apart(stocked: Stocked, tmp_path: Path) -> None:
    run = stocked.copy(tmp_path)
    assert (
        run("backup", str(tmp_path / "database.tar"), "--only", "database")
        .stdout.splitlines()[0]
        .endswith("; no documents")
    )
    assert "no database (" in run("backup", str(tmp_path / "documents.tar"), "--only", "documents").stdout
    assert run("verify", str(tmp_path / "documents.tar")).exit_code == 0
    elsewhere = command(tmp_path / "elsewhere")
    alone = elsewhere("restore", str(tmp_path / "database.tar"))
    assert (alone.exit_code, "holds no documents" in alone.stderr) == (0, True)
    assert elsewhere("verify").exit_code == 1
    assert elsewhere("restore", str(tmp_path / "database.tar"), "--only", "documents").exit_code == 2
    assert elsewhere("restore", str(tmp_path / "documents.tar"), "--only", "documents").exit_code == 0
    assert elsewhere("verify").exit_code == 0
