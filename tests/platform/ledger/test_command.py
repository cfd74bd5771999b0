"""`registry ledger`, as an operator calls it, and an agency that has a file and a key and nothing else."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from registry.platform.encryption import SecretKeys
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import utc_now
from registry.platform.ledger.notes import (
    COSIGNATURE,
    Signature,
    VerifierKey,
    parse_checkpoint,
    parse_key,
    parse_note,
    public_key,
    verified_by,
)
from registry.platform.ledger.signing import LedgerKeys
from tests.support.command import Run, on_migrated
from tests.support.ledger import literal, opened_ledger, tamper
from tests.support.witness import Witness

FIRST, SECOND = "3f1c9a7e5b2d8046" * 4, "fedcba9876543210" * 4
AGENCY = new_id()


@pytest.fixture
def run(tmp_path: Path, sqlite_url: str) -> Run:
    """The command in demo mode, on a migrated database, with one key for secrets."""
    called = on_migrated(tmp_path, sqlite_url)
    return lambda *arguments, **given: called(*arguments, **{"SECRET_KEYS": FIRST, **given})


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The database that the command works on."""
    return f"sqlite:///{tmp_path / 'data' / 'demo.db'}"


def sealed(url: str, secrets: str = FIRST) -> int:
    """Record four events, of which one concerns an agency, and sign a checkpoint; how many events it holds."""

    async def work() -> int:
        async with opened_ledger(url) as ledger:
            ledger.keys = LedgerKeys(SecretKeys([bytes.fromhex(secrets)]))
            ledger.sealer = ledger.another_sealer()
            ledger.now = utc_now() - timedelta(seconds=10)
            await ledger.record(3)
            await ledger.record(1, agencies=[AGENCY])
            ledger.now = utc_now()  # as the command's, by which keys come and go
            size = await ledger.seal()
            assert (await ledger.checkpoints())[-1].tree_size == size
            return size

    return asyncio.run(work())


def done(run: Run, *arguments: str, **given: str | None) -> str:
    """What the command says, which has come to a good end."""
    found = run("ledger", *arguments, **given)
    assert found.exit_code == 0, found.output
    return found.stdout


def keys_of(run: Run) -> list[VerifierKey]:
    return [parse_key(line.split("  ")[0]) for line in done(run, "key").splitlines()]


def test_the_key_is_made_once_and_named_once(run: Run) -> None:
    made = done(run, "key", "--origin", "county.example/ledger")
    assert parse_key(made.strip()).name == "county.example/ledger"
    assert done(run, "key") == done(run, "key", "--origin", "county.example/ledger") == made
    other = run("ledger", "key", "--origin", "other.example/ledger")
    assert (other.exit_code, "called county.example/ledger already" in other.output) == (1, True), other.output


@pytest.mark.parametrize("name", ["with space", "with+plus", ""])
def test_a_name_that_no_note_can_bear_is_refused(run: Run, name: str) -> None:
    found = run("ledger", "key", "--origin", name)
    assert (found.exit_code, "--origin: " in found.output) == (2, True), found.output


def test_a_checkpoint_is_printed_as_the_note_that_was_signed(run: Run, url: str) -> None:
    none = run("ledger", "checkpoint")
    assert (none.exit_code, "No checkpoint is signed yet" in none.output) == (1, True), none.output
    size = sealed(url)
    note = parse_note(done(run, "checkpoint"))
    assert parse_checkpoint(note).size == size
    assert verified_by(note, keys_of(run))


def test_a_new_key_signs_beside_the_old_one_and_at_once_alone(run: Run, url: str) -> None:
    sealed(url)
    (first,) = keys_of(run)
    said = done(run, "rotate")
    assert said.endswith("the earlier key signs for thirty days more.\n")
    assert "(signs until " in done(run, "key").splitlines()[1]
    sealed(url)
    second, known = keys_of(run)
    assert known == first
    assert parse_key(said.splitlines()[0]) == second
    both = parse_note(done(run, "checkpoint"))
    assert verified_by(both, [first]) and verified_by(both, [second])  # noqa: PT018  # by each alone
    assert done(run, "rotate", "--at-once").endswith("the earlier key signs no longer.\n")
    sealed(url)
    third = keys_of(run)[0]
    note = parse_note(done(run, "checkpoint"))
    assert verified_by(note, [third])
    assert not verified_by(note, [first, second])
    assert done(run, "verify").endswith("Nothing is wrong.\n")


def test_the_key_stays_when_that_for_secrets_changes(run: Run, url: str) -> None:
    sealed(url)
    (key,) = keys_of(run)
    done(run, "rotate", "--at-once")
    said = run("keys", "reencrypt", SECRET_KEYS=f"{SECOND},{FIRST}")
    assert said.stdout == "1 of 1 secrets were encrypted anew; all are under the first key.\n", said.output
    sealed(url, SECOND)
    assert verified_by(parse_note(done(run, "checkpoint")), [keys_of(run)[0]])
    assert keys_of(run)[1] == key
    found = run("doctor", SECRET_KEYS=FIRST)
    assert "failure  ledger: its checkpoints are signed no longer" in found.stdout, found.output
    assert "ok       ledger: its checkpoints can be signed" in run("doctor", SECRET_KEYS=SECOND).stdout


def test_without_keys_for_secrets_no_key_is_made_and_doctor_says_what_that_means(run: Run) -> None:
    real = {"DEMO": "0", "LEDGER_KEY": "0123456789abcdef" * 2, "SECRET_KEYS": None}
    assert run("migrate", **real).exit_code == 0
    for arguments in (["key"], ["rotate"]):
        found = run("ledger", *arguments, **real)
        assert (found.exit_code, "set REGISTRY_SECRET_KEYS" in found.output) == (1, True), found.output
    assert "warning  ledger: no checkpoint of it is signed" in run("doctor", **real).stdout
    assert run("ledger", "key", **{**real, "SECRET_KEYS": FIRST}).exit_code == 0
    assert "failure  ledger: its checkpoints are signed no longer" in run("doctor", **real).stdout


def test_the_line_of_a_witness_is_kept_and_shown_with_the_checkpoint(run: Run, url: str, tmp_path: Path) -> None:
    sealed(url)
    witness = Ed25519PrivateKey.generate()
    key = VerifierKey("witness.example", COSIGNATURE, public_key("w", witness).public)
    text = done(run, "checkpoint")
    signed = witness.sign(b"cosignature/v1\ntime 1700000000\n" + parse_note(text).text.encode())
    line = str(Signature(key.name, key.key_id, (1_700_000_000).to_bytes(8, "big") + signed))
    file = tmp_path / "cosigned.txt"
    file.write_text(text + line, "utf-8")
    for _ in range(2):
        assert "bears the line of witness.example" in done(run, "cosign", str(file), "--witness", str(key))
    assert done(run, "checkpoint") == text + line
    assert done(run, "verify", "--key", str(keys_of(run)[0])).endswith("Nothing is wrong.\n")
    other = VerifierKey("witness.example", COSIGNATURE, public_key("w", Ed25519PrivateKey.generate()).public)
    for witness_key, words in ((other, "not signed by witness.example"), (keys_of(run)[0], "not one of a witness")):
        found = run("ledger", "cosign", str(file), "--witness", str(witness_key))
        assert (found.exit_code, words in found.output) == (2, True), found.output
    assert run("ledger", "cosign", str(file), "--witness", "nonsense").exit_code == 2


def test_what_was_changed_is_named_and_ends_with_1(run: Run, url: str, tmp_path: Path) -> None:
    size = sealed(url)
    kept = tmp_path / "kept.txt"
    kept.write_text(done(run, "checkpoint"), "utf-8")
    key = str(keys_of(run)[0])
    sealed(url)
    with_kept = ["verify", "--checkpoint", str(kept)]
    assert f"{2 * size:,} sealed events" not in done(run, "verify")
    for arguments in (["verify"], with_kept, [*with_kept, "--from"], [*with_kept, "--key", key]):
        assert done(run, *arguments).endswith("Nothing is wrong.\n")
    asyncio.run(tamper(url, f"UPDATE ledger_event SET private = {literal(url, b'{}')}"))
    found = run("ledger", "verify")
    assert (found.exit_code, "(place 0) has another private part" in found.output) == (1, True), found.output
    assert "The ledger is not what was sealed." in found.output


def test_what_cannot_be_verified_ends_with_2(run: Run, url: str, tmp_path: Path) -> None:
    sealed(url)
    kept, none = tmp_path / "kept.txt", tmp_path / "none.txt"
    kept.write_text(done(run, "checkpoint"), "utf-8")
    none.write_bytes(b"\xff no note")
    stranger = str(public_key("registry.example/ledger", Ed25519PrivateKey.generate()))
    for arguments, words in (
        (["--from"], "name it with --checkpoint"),
        (["--checkpoint", str(none)], "is no checkpoint"),
        (["--checkpoint", str(kept), "--key", stranger], "is not signed by the key that you gave"),
        (["--key", "nonsense"], "--key"),
        ([str(kept)], "say it with --key"),
        ([str(tmp_path / "missing")], "does not exist"),
    ):
        found = run("ledger", "verify", *arguments)
        assert (found.exit_code, words in found.output) == (2, True), found.output


def test_a_segment_is_verified_without_any_setting(run: Run, url: str, tmp_path: Path) -> None:
    size = sealed(url)
    key = str(keys_of(run)[0])
    whole, ours, late = (tmp_path / name for name in ("whole.ndjson", "ours.ndjson", "late.ndjson"))
    assert done(run, "export", str(whole)) == f"{whole}: {size} events.\n"
    done(run, "export", str(ours), "--agency", str(AGENCY))
    done(run, "export", str(late), "--from", "2", "--size", str(size))
    assert whole.stat().st_mode & 0o777 == 0o600
    nowhere = {"DATABASE_URL": "postgresql+asyncpg://nobody@127.0.0.1:1/none", "SECRET_KEYS": None}
    for file, start, shown in ((whole, 0, size), (ours, 0, 1), (late, 2, size - 2)):
        said = done(run, "verify", str(file), "--key", key, **nowhere)
        assert f"places {start} to {size - 1}, {shown} events in full and {size - start - shown} as hashes" in said
    lines = whole.read_bytes().splitlines(keepends=True)
    edited = json.loads(lines[1])
    lines[1] = json.dumps({**edited, "public": edited["public"].replace("returned", "returnee")}).encode() + b"\n"
    whole.write_bytes(b"".join(lines))
    found = run("ledger", "verify", str(whole), "--key", key, **nowhere)
    assert found.exit_code == 1, found.output
    whole.write_bytes(b"nonsense\n")
    found = run("ledger", "verify", str(whole), "--key", key, **nowhere)
    assert found.exit_code == 1, found.output


def test_what_cannot_be_exported_leaves_no_file(run: Run, url: str, tmp_path: Path) -> None:
    file = tmp_path / "segment.ndjson"
    found = run("ledger", "export", str(file))
    assert (found.exit_code, "No checkpoint was signed yet" in found.output, file.exists()) == (2, True, False)
    size = sealed(url)
    for arguments in (["--from", str(size)], ["--size", str(size + 1)]):
        assert run("ledger", "export", str(file), *arguments).exit_code == 2
        assert not file.exists()
    done(run, "export", str(file))
    written = file.read_bytes()
    assert run("ledger", "export", str(file)).exit_code != 0, "a file that is there is not written over"
    assert file.read_bytes() == written


def archivable(url: str) -> int:
    """Seal events that are two years old; how many."""

    async def work() -> int:
        async with opened_ledger(url) as ledger:
            ledger.keys = LedgerKeys(SecretKeys([bytes.fromhex(FIRST)]))
            ledger.sealer = ledger.another_sealer()
            ledger.now = utc_now() - timedelta(days=800)
            await ledger.record(6, thing=AGENCY)
            return await ledger.seal()

    return asyncio.run(work())


def test_old_events_are_archived_and_dropped(run: Run, url: str, tmp_path: Path) -> None:
    size, folder = archivable(url), tmp_path / "archive"
    arguments = ["archive", "--to", str(folder), "--before", f"{utc_now() - timedelta(days=400):%Y-%m-%d}"]
    assert f"{folder} holds the first {size} events." in done(run, *arguments)
    for _ in range(2):
        said = done(run, *arguments, "--drop", "--kept-by", "records@county.example")
    assert said.endswith("0 events were dropped from the database.\n"), "what was dropped is not dropped again"
    key = str(keys_of(run)[0])
    assert done(run, "verify", "--archive", str(folder), "--key", key).startswith(f"{folder}: {size} events of ")
    assert "Of 5 the leaf alone is here" in done(run, "verify")
    next(folder.glob("*.gz")).write_bytes(b"nothing")
    found = run("ledger", "verify", "--archive", str(folder), "--key", key)
    assert (found.exit_code, "it was changed" in found.output) == (1, True), found.output


def test_a_hold_on_the_ledger_is_placed_and_lifted(run: Run, url: str, tmp_path: Path) -> None:
    archivable(url)
    hold_id = done(run, "hold", "Superior Court", "--reason", "case 118").splitlines()[0]
    day = f"{utc_now() - timedelta(days=400):%Y-%m-%d}"
    dropping = ["archive", "--before", day, "--to", str(tmp_path / "a"), "--drop", "--kept-by", "us"]
    found = run("ledger", *dropping)
    assert (found.exit_code, "under a legal hold (Superior Court)" in found.output) == (1, True), found.output
    assert done(run, "lift-hold", hold_id, "--authority", "Superior Court", "--reason", "closed")
    assert done(run, *dropping).endswith("5 events were dropped from the database.\n")


def test_what_cannot_be_archived_ends_with_2(run: Run, url: str, tmp_path: Path) -> None:
    archivable(url)
    day = f"{utc_now() - timedelta(days=100):%Y-%m-%d}"
    to = ["archive", "--before", day, "--to", str(tmp_path / "a")]
    for arguments, words in (
        ([*to, "--drop"], "--kept-by"),
        ([*to, "--drop", "--kept-by", "us"], "older than a year"),
        (["verify", "--archive", str(tmp_path)], "say it with --key"),
    ):
        found = run("ledger", *arguments)
        assert (found.exit_code, words in found.output) == (2, True), found.output
    found = run("ledger", "verify", "--archive", str(tmp_path), "--key", str(keys_of(run)[0]))
    assert (found.exit_code, "is no archive of a ledger" in found.output) == (1, True), found.output


def test_doctor_says_which_witness_has_never_signed(run: Run, url: str) -> None:
    sealed(url)
    witness = Witness("witness.example")
    said = run("doctor", WITNESSES=f"{witness.verifier_key} https://witness.example").stdout
    assert "warning  witness witness.example: it has signed no checkpoint yet" in said
    own = f"{keys_of(run)[0]} https://witness.example"
    assert "failure  witnesses: REGISTRY_WITNESSES" in run("doctor", WITNESSES=own).stdout
