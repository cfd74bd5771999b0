"""A file that takes over the process which reads it finds nothing there, and does no harm.

Each test puts a program in the place of the parser: what it could do is what whoever exploits a parser could do.
"""

import os
import sys
from pathlib import Path
from uuid import UUID

import pytest

from registry.agreements.documents.commands import Files
from registry.platform.files import child
from registry.platform.files.confinement import Confinement, available
from registry.platform.files.kinds import MAIL, OPEN_TEXT, PDF, PLAIN, PNG, RTF, WORD
from registry.platform.files.reading import MAIN, FileReader, Reading
from registry.platform.files.refusals import Refused
from tests.platform.files.hostile import GOOD_WORD
from tests.support.agreements import sign_agreement
from tests.support.cast import Cast
from tests.support.documents import file_document, make_mail, make_open_text, make_pdf, make_picture
from tests.support.service import Service

AGENCY = UUID(int=1)
confined = pytest.mark.skipif(
    available() is not Confinement.CONFINED, reason="this system does not refuse system calls to a process"
)

TAKEN_OVER = """
import ctypes, errno, mmap, os, socket, subprocess, sys
sys.path.insert(0, sys.argv[1])
from registry.platform.files import child, confinement
from registry.platform.files.pieces import Piece

libc = ctypes.CDLL(None, use_errno=True)
service, secret = os.getppid(), {secret!r}

def called(*given):
    if libc.syscall(*given) == -1:
        raise OSError(ctypes.get_errno(), "")

def tried(name, act):
    try:
        act()
    except OSError as error:
        return Piece(page=None, text=name + ": " + errno.errorcode[error.errno], words="")
    except MemoryError:
        return Piece(page=None, text=name + ": MemoryError", words="")
    return Piece(page=None, text=name + ": done", words="")

def taken_over(file):
    yield 1
{acts}

child._reader = lambda *given: taken_over
{more}
child.main(sys.argv[2], int(sys.argv[3]), sys.argv[4])
"""
PTRACE, PRLIMIT = (101, 302) if os.uname().machine == "x86_64" else (117, 261)
ACTS = {
    "read the accounts": 'open("/etc/passwd").read()',
    "read the database": "open(secret).read()",
    "read the service's environment": 'open(f"/proc/{service}/environ").read()',
    "look who else runs": 'os.listdir("/proc")',
    "list files": 'os.listdir("/")',
    "look at a file": "os.stat(secret)",
    "write a file": 'open(secret, "w")',
    "remove a file": "os.unlink(secret)",
    "connect": 'socket.socket().connect(("127.0.0.1", 5432))',
    "listen": 'socket.socket().bind(("127.0.0.1", 0))',
    "fork": "os.fork()",
    "start a program": 'os.execv("/bin/sh", ["sh", "-c", "true"])',
    "start a program by another way": 'subprocess.run(["/bin/true"])',
    "kill the service": "os.kill(service, 0)",
    "trace the service": f"called(ctypes.c_long({PTRACE}), 16, service, 0, 0)",
    "look at its limits": f"called(ctypes.c_long({PRLIMIT}), 0, 1, None, None)",
    "take four gigabytes": "mmap.mmap(-1, 4 * 2**30)",
    "take four gigabytes of objects": "bytearray(4 * 2**30)",
}


def program(folder: Path, *acts: str, more: str = "import resource") -> str:
    """What the process runs, with these lines in the parser's place."""
    secret = folder / "registry.db"
    secret.write_text("canary")
    return TAKEN_OVER.format(secret=str(secret), acts="\n".join(f"    {act}" for act in acts), more=more)


def trying(acts: dict[str, str]) -> list[str]:
    return [f"yield tried({name!r}, lambda: {act})" for name, act in acts.items()]


async def read(
    folder: Path, main: str, content: bytes = b"text", media_type: str = PLAIN, seconds: int = 20
) -> Reading:
    (folder / "file").write_bytes(content)
    return await FileReader(main=main, seconds=seconds).read(folder / "file", media_type, AGENCY)


def outcomes(reading: Reading) -> dict[str, str]:
    return dict(piece.text.split(": ", 1) for piece in reading.pieces)


@confined
async def test_whoever_takes_over_a_reader_is_refused_files_network_processes_and_memory(tmp_path: Path) -> None:
    found = outcomes(await read(tmp_path, program(tmp_path, *trying(ACTS))))
    memory = {name: found.pop(name) for name in ("take four gigabytes", "take four gigabytes of objects")}
    assert memory == {"take four gigabytes": "ENOMEM", "take four gigabytes of objects": "MemoryError"}
    assert found == dict.fromkeys(ACTS.keys() - memory.keys(), "EPERM")
    assert (tmp_path / "registry.db").read_text() == "canary"


async def test_a_reader_has_no_environment_no_folder_no_files_and_a_session_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_LEDGER_KEY", "canary")
    facts = """
def is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
kept = [name for name in os.environ if name != "LC_CTYPE"]  # which Python sets by itself
facts = kept, os.getcwd(), os.getsid(0) == os.getpid(), [fd for fd in range(3, 256) if is_open(fd)]
"""
    held = (tmp_path / "held").open("w")
    try:
        found = await read(
            tmp_path, program(tmp_path, "yield Piece(page=None, text=repr(facts), words='')", more=facts)
        )
    finally:
        held.close()
    assert [piece.text for piece in found.pieces] == ["([], '/', True, [])"]


async def test_without_what_refuses_calls_limits_hold_all_the_same(tmp_path: Path) -> None:
    names = ["write a file", "take four gigabytes"] + ([] if os.geteuid() == 0 else ["fork"])
    only = "confinement.available = lambda: confinement.Confinement.LIMITS_ONLY"
    acts = {name: ACTS[name] for name in names} | {"write a file": 'open(secret + ".new", "w").write("x" * 9999)'}
    found = outcomes(await read(tmp_path, program(tmp_path, *trying(acts), more=only)))
    assert found.pop("fork", "EAGAIN") == "EAGAIN"
    assert found == {"write a file": "EFBIG", "take four gigabytes": "ENOMEM"}


STOPPED = {
    "computes for ever": "while True: pass",
    "ends at once": "os._exit(0)",
    "fails": "raise ValueError",
    "runs out of memory": "kept = [bytearray(2**20) for _ in range(4096)]",
    "writes what is no message": "os.write(1, b'{\\n\\xff\\n') and os._exit(0)",
}


@confined
@pytest.mark.parametrize("name", STOPPED)
async def test_a_file_whose_reading_stops_is_taken_without_text_and_with_the_reason(tmp_path: Path, name: str) -> None:
    found = await read(tmp_path, program(tmp_path, STOPPED[name]), seconds=3)
    assert (found.pages, found.text, found.pieces, found.remarks) == (1, "none", [], ["reading_stopped"])


@confined
async def test_a_file_that_is_given_up_before_it_was_found_sound_is_refused(tmp_path: Path) -> None:
    main = program(tmp_path, "pass").replace("yield 1", "os._exit(0); yield 1")
    with pytest.raises(Refused) as refused:
        await read(tmp_path, main)
    assert refused.value.code == "file_unreadable"


@confined
@pytest.mark.one_database
async def test_a_document_is_filed_whatever_became_of_its_reading(
    service: Service, cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    files: Files = service.edge.app.state.files
    reader = FileReader(main=program(tmp_path, STOPPED["fails"]))
    monkeypatch.setattr(service.edge.app.state, "files", Files(store=files.store, reader=reader))
    filed = await file_document(cast.assisting.legal, made["id"], make_pdf("Ninety days' notice"), PDF)
    assert (filed["text"], filed["remarks"]) == ("none", ["reading_stopped"])
    content = await cast.requesting.legal.get(f"/v1/documents/{filed['id']}/content")
    assert content.content == make_pdf("Ninety days' notice")


RECOGNISER = """#!{python} -I
import errno, os, socket
for name, act in (
    ("connect", lambda: socket.socket().connect(("127.0.0.1", 5432))),
    ("end the service", lambda: os.kill({service}, 0)),
    ("write", lambda: os.write(os.open({written!r}, os.O_CREAT | os.O_WRONLY), b"x")),
):
    try:
        act()
    except OSError as error:
        print(name, errno.errorcode[error.errno])
    else:
        print(name, "done")
"""


@confined
async def test_the_program_that_recognises_text_has_no_network_writes_nothing_and_ends_nobody(tmp_path: Path) -> None:
    program = tmp_path / "recogniser"
    program.write_text(RECOGNISER.format(python=sys.executable, service=os.getpid(), written=str(tmp_path / "written")))
    program.chmod(0o755)
    (tmp_path / "file").write_bytes(make_picture())
    found = await FileReader(recogniser=str(program)).read(tmp_path / "file", PNG, AGENCY)
    assert [piece.text for piece in found.pieces] == ["connect EPERM\nend the service EPERM\nwrite EFBIG"]


async def test_health_tells_how_readers_are_confined(service: Service) -> None:
    assert (await service.anonymous.done("GET", "/health/ready"))["file_reading"] == available()
    assert (await service.anonymous.done("GET", "/health/live"))["file_reading"] is None


# A module that a library imports while it parses would not be found any more, and text be missing.
TELLING_IMPORTS = MAIN.replace(
    "from registry.platform.files.child import main",
    """
import sys
from registry.platform.files import child
from registry.platform.files.pieces import Piece
ran, main = child.run, child.main
def telling(read, file):
    def parsed(file):
        found = []
        sys.addaudithook(lambda event, given: event == "import" and found.append(given[0]))
        yield from read(file)
        yield Piece(page=None, text="imported: " + " ".join(found), words="")
    ran(parsed, file)
child.run = telling
""",
)
RTF_TEXT = rb"{\rtf1\ansi\ansicpg1252 {\fonttbl{\f0\fcharset204 A;}}\f0 Ninety \'93days\'94 notice.\par}"
OTHER_MAIL = (
    b"From: a@example.org\r\nTo: b@example.org\r\nDate: Sat, 28 Nov 2026 10:00:00 +0000\r\n"
    b'Subject: =?big5?b?pEGkaQ==?=\r\nContent-Type: text/plain; charset="koi8-r"\r\n\r\n\xd7\xc5\r\n'
)


async def test_nothing_is_imported_while_a_file_is_parsed(tmp_path: Path) -> None:
    specimens = {
        "pdf": (PDF, make_pdf("Ninety days' notice", "", "Signed")),
        "word": (WORD, GOOD_WORD),
        "open text": (OPEN_TEXT, make_open_text("Ninety days' notice")),
        "rtf": (RTF, RTF_TEXT),
        "mail": (MAIL, make_mail("Ninety days' notice", "memo.pdf")),
        "mail in other encodings": (MAIL, OTHER_MAIL),
        "picture": (PNG, make_picture()),
        "text": (PLAIN, b"Ninety days' notice"),
    }
    assert {media for media, _ in specimens.values()} >= child._READERS.keys() - {"image/jpeg", "image/tiff"}
    for name, (media_type, content) in specimens.items():
        found = await read(tmp_path, TELLING_IMPORTS, content, media_type)
        assert [piece.text for piece in found.pieces if piece.text.startswith("imported")] == ["imported: "], name
