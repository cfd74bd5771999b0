"""A witness on the loopback interface, by the text of C2SP tlog-witness; it does badly when told to.

It verifies by itself: signatures with the library, consistency as RFC 6962, 2.1.2, defines it, by the recursion of the
definition read backwards. It holds its state as a witness must, and refuses whatever does not extend it.
"""

import base64
import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

EMPTY = hashlib.sha256(b"").digest()


class InconsistentError(Exception):
    """The proof is none."""


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def roots(old: int, new: int, known: bytes, proof: list[bytes], *, whole: bool = True) -> tuple[bytes, bytes]:
    """The roots of the old and the new tree that a proof leads to (RFC 6962, 2.1.2: SUBPROOF); it is used up."""
    if old == new:
        if whole:
            return known, known
        if not proof:
            raise InconsistentError
        found = proof.pop(0)
        return found, found
    left = 1 << ((new - 1).bit_length() - 1)
    if old <= left:
        first, second = roots(old, left, known, proof, whole=whole)
        if not proof:
            raise InconsistentError
        return first, _node(second, proof.pop(0))
    first, second = roots(old - left, new - left, known, proof, whole=False)
    if not proof:
        raise InconsistentError
    before = proof.pop(0)
    return _node(before, first), _node(before, second)


class Witness:
    """Its key, the ledgers that it knows, and of each the largest tree that it signed."""

    def __init__(self, name: str = "witness.example/w1") -> None:
        self.name = name
        self._private = Ed25519PrivateKey.generate()
        self.logs: dict[str, list[bytes]] = {}
        self.trees: dict[str, tuple[int, bytes]] = {}
        self.seconds = 1_700_000_000
        self.asked: list[str] = []
        self.answer: tuple[int, str, str] | None = None
        """What it answers instead, whatever it is asked: status, media type, text."""
        self._turn = threading.Lock()

    @property
    def public(self) -> bytes:
        """The public key."""
        return self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def key_id(self) -> bytes:
        """What stands before its signatures."""
        return hashlib.sha256(self.name.encode() + b"\n\x04" + self.public).digest()[:4]

    @property
    def verifier_key(self) -> str:
        """The key as a ledger's operator is given it."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(b'%c' % 4 + self.public).decode()}"

    def know(self, verifier_key: str) -> None:
        """Sign for the ledger with that key."""
        name, _, rest = verifier_key.partition("+")
        self.logs.setdefault(name, []).append(base64.b64decode(rest.partition("+")[2])[1:])

    def add_checkpoint(self, body: str) -> tuple[int, str, str]:
        """Status, media type and text of the answer to one question."""
        with self._turn:
            self.asked.append(body)
            return self.answer or self._judged(body)

    def _judged(self, body: str) -> tuple[int, str, str]:
        head, _, note = body.partition("\n\n")
        said, *lines = head.split("\n")
        text, _, signatures = note.rpartition("\n\n")
        text += "\n"
        origin, size_line, root_line = text.split("\n")[:3]
        old, size, root = int(said.removeprefix("old ")), int(size_line), base64.b64decode(root_line)
        if not said.startswith("old ") or len(lines) > 63:
            return 400, "text/plain", "malformed\n"
        if origin not in self.logs:
            return 404, "text/plain", "unknown origin\n"
        if not self._signed(origin, text, signatures.splitlines()):
            return 403, "text/plain", "no signature of a known key\n"
        if old > size:
            return 400, "text/plain", "older than old\n"
        known_size, known_root = self.trees.get(origin, (0, EMPTY))
        if old != known_size:
            return 409, "text/x.tlog.size", f"{known_size}\n"
        if not self._extends(known_size, known_root, size, root, [base64.b64decode(each) for each in lines]):
            return 422, "text/plain", "inconsistent\n"
        self.trees[origin] = (size, root)
        return 200, "text/plain", self.line(text)

    def _signed(self, origin: str, text: str, lines: Sequence[str]) -> bool:
        for line in lines:
            _, name, encoded = line.split(" ")
            for public in self.logs[origin]:
                key_id = hashlib.sha256(origin.encode() + b"\n\x01" + public).digest()[:4]
                signature = base64.b64decode(encoded)
                if (name, signature[:4]) == (origin, key_id):
                    try:
                        Ed25519PublicKey.from_public_bytes(public).verify(signature[4:], text.encode())
                    except InvalidSignature:
                        return False
                    return True
        return False

    def _extends(self, old: int, old_root: bytes, size: int, root: bytes, proof: list[bytes]) -> bool:
        if old == 0:
            return not proof
        try:
            return roots(old, size, old_root, proof) == (old_root, root) and not proof
        except InconsistentError:
            return False

    def line(self, text: str) -> str:
        """The line that it puts under a text."""
        signed = self._private.sign(f"cosignature/v1\ntime {self.seconds}\n{text}".encode())
        encoded = base64.b64encode(self.key_id + self.seconds.to_bytes(8, "big") + signed).decode()
        return f"\N{EM DASH} {self.name} {encoded}\n"


@contextmanager
def serving(witness: Witness) -> Iterator[str]:
    """The witness's submission prefix, where it answers."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if self.path == "/w1/add-checkpoint":
                status, media_type, text = witness.add_checkpoint(body)
            else:
                status, media_type, text = 404, "text/plain", "no such page\n"
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_args: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/w1/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
