"""Certificates of insurance: entered, listed, retired."""

from uuid import UUID

from litestar import Router
from litestar.params import FromPath, JSONBody

from registry.agreements.insurance import commands, queries
from registry.agreements.insurance.schemas import (
    NEW_CERTIFICATE_EXAMPLE,
    RETIREMENT_EXAMPLE,
    CertificateQuery,
    InsuranceCertificate,
    InsuranceCertificatePage,
    NewCertificate,
    Retirement,
)
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.kernel.versions import Expected

_PATH = "/agencies/{agency_id:uuid}/insurance"


def _answer(found: InsuranceCertificate, *, created: bool = False) -> Answer[InsuranceCertificate]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.current, found.coverage, found.allowed_actions),
        location=f"/v1/agencies/{found.agency.id}/insurance/{found.id}" if created else None,
    )


@operation("get", _PATH, permission=Action.AGENCIES_READ, query=CertificateQuery)
async def list_agency_insurance(
    agency_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[CertificateQuery],
    caller: Supplied[Caller],
) -> Answer[InsuranceCertificatePage]:
    """List an agency's certificates of insurance.

    Everybody sees that there is one and until when; number and limit only the agency itself and its partners in force.
    """
    return Answer(await queries.list_certificates(read, caller, agency_id, filters))


@operation(
    "post",
    _PATH,
    permission=Action.AGENCIES_UPDATE,
    example=NEW_CERTIFICATE_EXAMPLE,
    etag=True,
    problems=("agency_dissolved", "evidence_missing", "evidence_twice", "expires_too_early"),
)
async def create_agency_insurance(
    agency_id: FromPath[UUID],
    data: JSONBody[NewCertificate],
    write: Supplied[Write],
    caller: Supplied[Caller],
) -> Answer[InsuranceCertificate]:
    """Put a certificate of insurance on file.

    Where an agreement requires current liability insurance, decisions read it for the whole window that is asked for.
    """
    return _answer(await commands.enter_certificate(write, caller, agency_id, data), created=True)


@operation("get", _PATH + "/{insurance_id:uuid}", permission=Action.AGENCIES_READ, etag=True)
async def get_agency_insurance(
    agency_id: FromPath[UUID],
    insurance_id: FromPath[UUID],
    read: Supplied[Read],
    caller: Supplied[Caller],
) -> Answer[InsuranceCertificate]:
    """Read one certificate of insurance."""
    return _answer(await queries.get_certificate(read, caller, agency_id, insurance_id))


@operation(
    "post",
    _PATH + "/{insurance_id:uuid}/retire",
    permission=Action.AGENCIES_UPDATE,
    status=200,
    example=RETIREMENT_EXAMPLE,
    etag=True,
    problems=("wrong_status",),
)
async def retire_agency_insurance(
    agency_id: FromPath[UUID],
    insurance_id: FromPath[UUID],
    data: JSONBody[Retirement],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[InsuranceCertificate]:
    """Let a certificate count no longer: cancelled, replaced, or entered in error."""
    return _answer(await commands.retire_certificate(write, caller, agency_id, insurance_id, data, if_match))


router = Router(
    path="/v1",
    route_handlers=[list_agency_insurance, create_agency_insurance, get_agency_insurance, retire_agency_insurance],
)
