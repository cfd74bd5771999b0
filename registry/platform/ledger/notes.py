"""Signed notes and checkpoints as the C2SP specifications have them: signed-note, tlog-checkpoint, tlog-cosignature.

A note is a text with signature lines. A checkpoint is a note that says of a ledger how many leaves its tree has, and
what its root is. Witnesses add lines of their own to it, so that a verifier passes over lines of keys that it does not
know. See https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint and https://c2sp.org/tlog-cosignature.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import Struct

from registry.platform.ledger.merkle import HASH_BYTES

ED25519, COSIGNATURE = 0x01, 0x04
"""The kinds of keys: a ledger's, which signs the note's text; and a witness's, which signs it with a time."""
LONGEST_NOTE = 100_000
LARGEST_SIZE = 2**53 - 1
TIME_BYTES = 8
"""Of a witness's signature: when it signed, in seconds since 1970, the first byte being the largest."""
_KEY_BYTES, _SIGNATURE_BYTES, _ID_BYTES = 32, 64, 4
_NAME = re.compile(r"[^\s+\x00-\x1f\x7f]{1,200}")
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")
_DASH = "\N{EM DASH} "


class NoteError(ValueError):
    """It is no signed note, no checkpoint or no verifier key; the message says why."""


class VerifierKey(Struct, frozen=True):
    """A public key with the name of whose it is: `name+<8 hexadecimal digits>+<base64>`."""

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        """What stands before each signature of the key. It only finds the key: others may have the same."""
        said = self.name.encode() + b"\n" + bytes([self.kind]) + self.public
        return hashlib.sha256(said).digest()[:_ID_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64_of(bytes([self.kind]) + self.public)}"


class Signature(Struct, frozen=True):
    """One line of a signed note: whose key, and what follows the key's id."""

    name: str
    key_id: bytes
    signed: bytes

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {base64_of(self.key_id + self.signed)}\n"


class Note(Struct, frozen=True):
    """A text, which ends with a line's end, and the signatures below it."""

    text: str
    signatures: Sequence[Signature]

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(map(str, self.signatures))}"


class Checkpoint(Struct, frozen=True):
    """That the ledger of this name has so many leaves, with this root."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64_of(self.root)}\n"


def checked_name(name: str) -> str:
    """A name that a key may have. Raises NoteError for one with blanks or a plus, and for one that is too long."""
    if not _NAME.fullmatch(name):
        raise NoteError("a name has 1 to 200 characters, none of them a blank or a plus")
    return name


def parse_key(text: str) -> VerifierKey:
    """A verifier key as it is printed. Raises NoteError."""
    name, _, rest = text.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    decoded = _decoded(encoded, "a verifier key")
    if not decoded or decoded[0] not in (ED25519, COSIGNATURE) or len(decoded) != 1 + _KEY_BYTES:
        raise NoteError("the verifier key is none of Ed25519")
    key = VerifierKey(checked_name(name), decoded[0], decoded[1:])
    if key.key_id.hex() != key_id:
        raise NoteError("the verifier key has another id than it says: it was not copied whole")
    return key


def parse_note(text: str) -> Note:
    """A signed note. Raises NoteError for what is none."""
    if len(text) > LONGEST_NOTE:
        raise NoteError("the note is too long")
    body, blank, lines = text.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise NoteError("a signed note ends with signature lines below an empty line")
    if any(ord(each) < ord(" ") and each != "\n" for each in text):
        raise NoteError("a signed note has no control characters")
    return Note(f"{body}\n", [_signature(line) for line in lines.removesuffix("\n").split("\n")])


def parse_checkpoint(note: Note) -> Checkpoint:
    """What a checkpoint says. Raises NoteError for another note. Further lines of its text are passed over."""
    lines = note.text.split("\n")
    if len(lines) < 4 or not lines[0]:  # three lines, and nothing behind the last line's end
        raise NoteError("a checkpoint has three lines: the ledger's name, its size and its root")
    if not _SIZE.fullmatch(lines[1]) or int(lines[1]) > LARGEST_SIZE:
        raise NoteError("the checkpoint's second line is no size")
    root = _decoded(lines[2], "the checkpoint's root")
    if len(root) != HASH_BYTES:
        raise NoteError("the checkpoint's root is no hash")
    return Checkpoint(lines[0], int(lines[1]), root)


def public_key(name: str, private: Ed25519PrivateKey) -> VerifierKey:
    """The verifier key of a ledger's signing key."""
    return VerifierKey(name, ED25519, private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def sign(text: str, signers: Iterable[tuple[str, Ed25519PrivateKey]]) -> Note:
    """The note with a signature by each of the keys, under their names."""
    return Note(
        text,
        [Signature(name, public_key(name, private).key_id, private.sign(text.encode())) for name, private in signers],
    )


def verified_by(note: Note, keys: Iterable[VerifierKey]) -> list[VerifierKey]:
    """The keys by which the note is signed. Raises NoteError where a line of one of the keys is no signature of it.

    That the line of a known key does not verify is no accident: nothing else of such a note counts.
    """
    known: dict[tuple[str, bytes], list[VerifierKey]] = {}
    for key in keys:
        known.setdefault((key.name, key.key_id), []).append(key)
    found: list[VerifierKey] = []
    for line in note.signatures:
        its = known.get((line.name, line.key_id), [])
        good = [key for key in its if is_signature(note.text, line, key)]
        if its and not good:
            raise NoteError(f"the signature of {line.name} is not one of this text")
        found += [key for key in good if key not in found]
    return found


def is_signature(text: str, line: Signature, key: VerifierKey) -> bool:
    """Whether the line is the key's signature of the text."""
    signed, message = line.signed, text.encode()
    if key.kind == COSIGNATURE:
        time, signed = signed[:TIME_BYTES], signed[TIME_BYTES:]
        message = f"cosignature/v1\ntime {int.from_bytes(time, 'big')}\n".encode() + message
    if len(signed) != _SIGNATURE_BYTES:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signed, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not _NAME.fullmatch(name):
        raise NoteError("a signature line is a dash, a name, and a signature")
    decoded = _decoded(encoded, "a signature")
    if len(decoded) <= _ID_BYTES:
        raise NoteError("a signature is too short")
    return Signature(name, decoded[:_ID_BYTES], decoded[_ID_BYTES:])


def base64_of(value: bytes) -> str:
    """Bytes as they stand in notes."""
    return base64.b64encode(value).decode()


def _decoded(value: str, what: str) -> bytes:
    """Raises NoteError also for what decodes, and is not how those bytes are written: there is one way for each."""
    try:
        found = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise NoteError(f"{what} is not in base64") from None
    if base64_of(found) != value:
        raise NoteError(f"{what} is not in base64 as it is written")
    return found
