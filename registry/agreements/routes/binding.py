"""Binding and unbinding: signed, confirmed, attested, suspended, reinstated, terminated, given notice."""

from uuid import UUID

from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from registry.access.operations import operation
from registry.access.permissions import Action
from registry.access.principals import Caller
from registry.agreements import commands
from registry.agreements.routes import examples
from registry.agreements.routes.drafting import agreement_answer
from registry.agreements.schemas import (
    Agreement,
    AgreementReason,
    Attestation,
    Confirmation,
    Signing,
    Termination,
    WithdrawalNotice,
)
from registry.database.handles import Write
from registry.http.answers import Answer
from registry.kernel.versions import Expected


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/sign",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.SIGNING,
    etag=True,
)
async def sign_agreement(
    agreement_id: FromPath[UUID],
    data: JSONBody[Signing],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Agreement]:
    """Sign for your agency; with the last party's signature the agreement is executed."""
    return agreement_answer(await commands.sign(write, caller, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/confirm",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.CONFIRMATION,
    etag=True,
)
async def confirm_agreement(
    agreement_id: FromPath[UUID],
    data: JSONBody[Confirmation],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Agreement]:
    """Confirm that your agency signed the recorded agreement; only then is it bound."""
    return agreement_answer(await commands.confirm(write, caller, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/attest",
    permission=Action.AGREEMENTS_ATTEST,
    status=200,
    example=examples.ATTESTATION,
    etag=True,
)
async def attest_agreement(
    agreement_id: FromPath[UUID],
    data: JSONBody[Attestation],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Agreement]:
    """Attest, on evidence, that a party signed the recorded agreement."""
    return agreement_answer(await commands.attest(write, caller, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/suspend",
    permission=Action.AGREEMENTS_UPDATE,
    status=200,
    example=examples.REASON,
    etag=True,
)
async def suspend_agreement(
    agreement_id: FromPath[UUID],
    data: JSONBody[AgreementReason],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Agreement]:
    """Suspend an executed agreement: it binds nobody until it is reinstated."""
    return agreement_answer(await commands.suspend(write, caller, agreement_id, data.reason, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/reinstate",
    permission=Action.AGREEMENTS_UPDATE,
    status=200,
    example=examples.REASON,
    etag=True,
)
async def reinstate_agreement(
    agreement_id: FromPath[UUID],
    data: JSONBody[AgreementReason],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Agreement]:
    """Reinstate a suspended agreement."""
    return agreement_answer(await commands.reinstate(write, caller, agreement_id, data.reason, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/terminate",
    permission=Action.AGREEMENTS_UPDATE,
    status=200,
    example=examples.TERMINATION,
    etag=True,
)
async def terminate_agreement(
    agreement_id: FromPath[UUID],
    data: JSONBody[Termination],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Agreement]:
    """Terminate an agreement for all parties, now or later."""
    return agreement_answer(await commands.terminate(write, caller, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/give-notice",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.NOTICE,
    etag=True,
)
async def give_agreement_notice(
    agreement_id: FromPath[UUID],
    data: JSONBody[WithdrawalNotice],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Agreement]:
    """Give notice that your agency leaves; it is bound until the notice period has run out."""
    return agreement_answer(await commands.give_notice(write, caller, agreement_id, data, if_match))
