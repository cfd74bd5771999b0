"""A token issuer for demo mode, so that the service can be tried without an identity provider.

Its key is kept in the data directory, and its tokens are accepted only in demo mode.
"""

import os
from datetime import datetime
from pathlib import Path
from uuid import UUID

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from registry.platform.access.principals import Role
from registry.platform.database.room import private_folder
from registry.platform.issuers import DEVELOPMENT_ISSUER, Issuer
from registry.platform.kernel.ids import new_id
from registry.platform.settings import Settings

LONGEST_LIFE_SECONDS = 24 * 3600
_PRIVATE = ("d",)


def _key_file(data_dir: Path) -> Path:
    return data_dir / "development-issuer.json"


def _private_jwk(data_dir: Path) -> dict[str, object]:
    path = _key_file(data_dir)
    if not path.exists():
        private_folder(data_dir)
        fresh = ec.generate_private_key(ec.SECP256R1())
        made = jwt.algorithms.ECAlgorithm.to_jwk(fresh, as_dict=True)
        # Written to a temporary file and linked into place, so that two processes that start at once use one key.
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.encode({**made, "kid": f"development-{new_id()}", "alg": "ES256"}))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    found: dict[str, object] = msgspec.json.decode(path.read_bytes())
    return found


def has_development_key(settings: Settings) -> bool:
    """Whether a service has run in demo mode with this data folder: it keeps its issuer's key there."""
    return _key_file(settings.data_dir).exists()


def development_issuer(settings: Settings) -> Issuer:
    """The issuer of the tokens that `registry token` creates. Only for demo mode."""
    public = {name: value for name, value in _private_jwk(settings.data_dir).items() if name not in _PRIVATE}
    return Issuer(
        issuer=DEVELOPMENT_ISSUER,
        agencies=("*",),
        keys={"keys": [public]},
        longest_life_seconds=LONGEST_LIFE_SECONDS,
    )


def development_token(
    settings: Settings,
    *,
    agency_id: UUID,
    roles: list[Role],
    subject: str,
    now: datetime,
    scope: str = "*",
    life_seconds: int = LONGEST_LIFE_SECONDS,
) -> str:
    """A token signed by the development issuer, valid for at most 24 hours."""
    key, issued = jwt.PyJWK(_private_jwk(settings.data_dir), algorithm="ES256"), int(now.timestamp())
    return jwt.encode(
        {
            "iss": DEVELOPMENT_ISSUER,
            "aud": settings.audience,
            "sub": subject,
            "client_id": "registry-cli",
            "agency": str(agency_id),
            "roles": [role.value for role in roles],
            "scope": scope,
            "iat": issued,
            "nbf": issued,
            "exp": issued + min(life_seconds, LONGEST_LIFE_SECONDS),
            "jti": str(new_id()),
        },
        key.key,
        algorithm=key.algorithm_name,
        headers={"kid": key.key_id, "typ": "at+jwt"},
    )
