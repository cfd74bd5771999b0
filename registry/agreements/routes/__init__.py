"""The agreements' operations."""

from litestar import Router

from registry.agreements.routes.binding import (
    attest_agreement,
    confirm_agreement,
    give_agreement_notice,
    reinstate_agreement,
    sign_agreement,
    suspend_agreement,
    terminate_agreement,
)
from registry.agreements.routes.drafting import (
    approve_agreement,
    create_agreement,
    record_agreement,
    send_agreement_for_signature,
    send_back_agreement,
    submit_agreement,
    update_agreement,
    withdraw_agreement,
)
from registry.agreements.routes.reading import (
    get_agency_contact,
    get_agreement,
    get_agreement_version,
    list_agreement_history,
    list_agreement_versions,
    list_agreements,
    list_agreements_in_force,
)
from registry.agreements.routes.redlining import get_agreement_redline, get_agreement_redline_page

router = Router(
    path="/v1",
    tags=["agreements"],
    route_handlers=[
        list_agreements,
        create_agreement,
        record_agreement,
        list_agreements_in_force,
        get_agreement,
        update_agreement,
        submit_agreement,
        send_back_agreement,
        approve_agreement,
        send_agreement_for_signature,
        sign_agreement,
        confirm_agreement,
        attest_agreement,
        withdraw_agreement,
        suspend_agreement,
        reinstate_agreement,
        terminate_agreement,
        give_agreement_notice,
        list_agreement_versions,
        get_agreement_version,
        get_agreement_redline,
        get_agreement_redline_page,
        list_agreement_history,
        get_agency_contact,
    ],
)
