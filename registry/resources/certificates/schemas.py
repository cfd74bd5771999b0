"""Certificates of assets in the API."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct, field

from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.text import Code, Name, Reason
from registry.platform.kernel.time import CivilDate, Instant, Window
from registry.resources.certificates.rules import CertificateStatus, Standard, VoidBecause

Issuer = Annotated[
    Name, Meta(description="The body that certified, such as NPCA, USPCA, NAPWDA, a state's POST, ANAB or A2LA.")
]
Methods = Annotated[
    list[Name], Meta(max_length=100, description="The methods within the scope of a laboratory's accreditation.")
]


class NewAssetCertificate(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A certificate of one of your own assets: of a K9 team with its handler, or of a laboratory for a scope."""

    discipline: Annotated[
        Code, Meta(description="A category under `k9`, or under `lab`, such as `k9.narcotics`.", examples=["k9.patrol"])
    ]
    issuer: Issuer
    number: Annotated[Name | None, Meta(description="Of the certificate.")] = None
    issued_on: Annotated[CivilDate, Meta(description="The first valid day.")]
    expires_on: Annotated[CivilDate | None, Meta(description="The last valid day; null when it does not expire.")] = (
        None
    )
    handler_id: Annotated[
        UUID | None, Meta(description="Of a K9 team: the personnel record of the handler, one of your own people.")
    ] = None
    standard: Annotated[Standard | None, Meta(description="Of a laboratory: by which standard it is accredited.")] = (
        None
    )
    methods: Methods = []


class AssetCertificate(Struct, kw_only=True, frozen=True):
    """A certificate of an asset for one discipline, as it stands for a window."""

    id: UUID
    asset_id: UUID
    discipline: str
    issuer: str
    number: Annotated[str | None, Meta(description="Only its owner is told.")]
    handler_id: Annotated[
        UUID | None, Meta(description="The handler's personnel record; only its owner is told, and nobody the name.")
    ]
    standard: Standard | None
    methods: list[str]
    issued_on: CivilDate
    expires_on: CivilDate | None
    status: CertificateStatus
    void_because: Annotated[
        VoidBecause | None, Meta(description="Why it holds on no day; null while its dates decide, and for others.")
    ]
    ended_at: Instant | None
    ended_reason: Annotated[str | None, Meta(description="Only its owner is told.")]
    created_at: Instant
    updated_at: Instant
    allowed_actions: list[AllowedAction]
    version: int


class AssetCertificateList(Struct, kw_only=True, frozen=True):
    """The certificates of an asset, the newest first."""

    window: Annotated[Window, Meta(description="For which `status` is told: the one asked about, or now.")]
    items: list[AssetCertificate]


class AssetCertificateQuery(Struct, kw_only=True, frozen=True):
    """The window for which the status is told: now unless given."""

    from_: Annotated[Instant | None, Meta(description="Start of the window; needs `to`.")] = field(
        name="from", default=None
    )
    to: Annotated[Instant | None, Meta(description="End of the window; needs `from`.")] = None


class AssetCertificateEnd(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why a certificate holds no more, such as another handler for the dog."""

    reason: Reason


NEW_ASSET_CERTIFICATE_EXAMPLE = {
    "discipline": "k9.narcotics",
    "issuer": "NPCA",
    "number": "DEMO-0041",
    "issued_on": "2026-01-15",
    "expires_on": "2027-01-14",
    "handler_id": "01980000-0000-7000-8000-00000000b001",
}
