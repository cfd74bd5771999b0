"""Certificates of insurance: entered, listed, retired."""

from uuid import UUID

from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from registry.access.operations import operation
from registry.access.permissions import Action
from registry.access.principals import Caller
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
from registry.database.handles import Read, Write
from registry.http.answers import Answer, entity_tag
from registry.http.links import next_link
from registry.kernel.versions import Expected

_PATH = "/agencies/{agency_id:uuid}/insurance"


def _answer(found: InsuranceCertificate, *, created: bool = False) -> Answer[InsuranceCertificate]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.current, found.coverage, found.allowed_actions),
        location=f"/v1/agencies/{found.agency_id}/insurance/{found.id}" if created else None,
    )


@operation("get", _PATH, permission=Action.AGENCIES_READ, query=CertificateQuery)
async def list_agency_insurance(
    agency_id: FromPath[UUID],
    read: NamedDependency[Read],
    filters: NamedDependency[CertificateQuery],
    caller: NamedDependency[Caller],
    here: NamedDependency[str],
) -> Answer[InsuranceCertificatePage]:
    """List an agency's certificates of insurance.

    Everybody sees that there is one and until when; number and limit only the agency itself and its partners in force.
    """
    page = await queries.list_certificates(read, caller, agency_id, filters)
    return Answer(page, next_link=next_link(here, page.next_cursor))


@operation("post", _PATH, permission=Action.AGENCIES_UPDATE, example=NEW_CERTIFICATE_EXAMPLE)
async def create_agency_insurance(
    agency_id: FromPath[UUID],
    data: JSONBody[NewCertificate],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
) -> Answer[InsuranceCertificate]:
    """Put a certificate of insurance on file.

    Where an agreement requires current liability insurance, decisions read it for the whole window that is asked for.
    """
    return _answer(await commands.enter_certificate(write, caller, agency_id, data), created=True)


@operation("get", _PATH + "/{certificate_id:uuid}", permission=Action.AGENCIES_READ, etag=True)
async def get_agency_insurance(
    agency_id: FromPath[UUID],
    certificate_id: FromPath[UUID],
    read: NamedDependency[Read],
    caller: NamedDependency[Caller],
) -> Answer[InsuranceCertificate]:
    """Read one certificate of insurance."""
    return _answer(await queries.get_certificate(read, caller, agency_id, certificate_id))


@operation(
    "post",
    _PATH + "/{certificate_id:uuid}/retire",
    permission=Action.AGENCIES_UPDATE,
    status=200,
    example=RETIREMENT_EXAMPLE,
    etag=True,
)
async def retire_agency_insurance(
    agency_id: FromPath[UUID],
    certificate_id: FromPath[UUID],
    data: JSONBody[Retirement],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[InsuranceCertificate]:
    """Let a certificate count no longer: cancelled, replaced, or entered in error."""
    return _answer(await commands.retire_certificate(write, caller, agency_id, certificate_id, data, if_match))


handlers = [list_agency_insurance, create_agency_insurance, get_agency_insurance, retire_agency_insurance]
