"""Why a token is refused: one code for each reason, for the log, the metrics, and, where it helps, the caller."""

from enum import StrEnum
from uuid import UUID

from registry.platform.kernel.errors import Busy, Unauthenticated


class Reason(StrEnum):
    """The reasons; each comment describes one."""

    MALFORMED = "malformed"  # not a signed token in compact form, or a claim of a wrong type
    UNKNOWN_ISSUER = "unknown_issuer"  # no issuer with that `iss` is trusted
    UNKNOWN_KEY = "unknown_key"  # the issuer has no usable key with that `kid`
    ALGORITHM_NOT_ALLOWED = "algorithm_not_allowed"  # the key is not for that `alg`, or the issuer may not use it
    BAD_SIGNATURE = "bad_signature"  # the signature does not fit
    WRONG_TYP = "wrong_typ"  # the header's `typ` is not one that the issuer's access tokens have
    WRONG_AUDIENCE = "wrong_audience"  # `aud` does not name this registry
    EXPIRED = "expired"  # `exp` is over
    NOT_YET_VALID = "not_yet_valid"  # `nbf` or `iat` is still to come
    TOO_LONG_LIVED = "too_long_lived"  # it lives longer than is accepted of its issuer
    CLAIM_MISSING = "claim_missing"  # a claim that is needed is not there
    AGENCY_UNKNOWN = "agency_unknown"  # what the token says of its agency names none
    AGENCY_NOT_OF_ISSUER = "agency_not_of_issuer"  # the issuer may not speak for that agency
    NO_ROLE = "no_role"  # none of its roles is known here
    ROLE_NOT_ALLOWED = "role_not_allowed"  # only the operator's people are administrators of the registry


_ONE_SENTENCE = "The bearer token is not valid."


class TokenRefused(Unauthenticated):
    """A token was refused. `detail` is for the caller, the other fields are for the log and the record.

    `trusted` says that its issuer is one that is trusted; `agency_id` is known only of a token whose signature is
    verified, and that names an agency for which its issuer speaks.

    Before the signature is verified, the detail is one and the same sentence: whoever forges a token learns nothing.
    """

    def __init__(
        self,
        reason: Reason,
        detail: str | None = None,
        *,
        about: str | None = None,
        code: str = "invalid_token",
    ) -> None:
        super().__init__(detail or _ONE_SENTENCE, code)
        self.reason = reason
        self.about = about
        self.issuer: str | None = None
        self.kid: str | None = None
        self.subject: str | None = None
        self.trusted = False
        self.agency_id: UUID | None = None

    @property
    def name(self) -> str:
        """The reason with what it is about: `claim_missing:roles`."""
        return self.reason if self.about is None else f"{self.reason}:{self.about}"


class KeysUnavailable(Busy):
    """No key of a trusted issuer can be had, so that its tokens cannot be verified: another does not help."""

    def __init__(self, issuer: str, kid: str | None, *, retry_after: int) -> None:
        super().__init__(
            f"No usable key of {issuer} can be had at the moment, so its tokens cannot be verified. Keep the token "
            "and try again.",
            "issuer_keys_unavailable",
            retry_after=retry_after,
        )
        self.issuer = issuer
        self.kid = kid
