"""What a change of an asset's certificates answers with."""

from msgspec import Struct

from registry.resources.assets.schemas.shown import AffectedLoan
from registry.resources.certificates.schemas import AssetCertificate


class EndedCertificate(Struct, kw_only=True, frozen=True):
    """A certificate that was ended, with the loans not yet returned that rely on it."""

    certificate: AssetCertificate
    affected_loans: list[AffectedLoan]
