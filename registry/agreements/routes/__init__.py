"""The agreements' operations."""

from litestar import Router

from registry.agreements.calendars import routes as calendars
from registry.agreements.deadlines import routes as deadlines
from registry.agreements.duties import routes as duties
from registry.agreements.insurance import routes as insurance
from registry.agreements.routes import authorities, commenting, reviews
from registry.agreements.routes.binding import (
    attest_agreement,
    confirm_agreement,
    give_agreement_notice,
    reinstate_agreement,
    sign_agreement,
    suspend_agreement,
    terminate_agreement,
)
from registry.agreements.routes.changing import (
    accept_agreement_custody,
    activate_agreement_verbally,
    add_agreement_parties,
    agree_verbally,
    amend_agreement,
    decline_agreement_custody,
    offer_agreement_custody,
    record_agreement_amendment,
    record_agreement_approval,
    rescind_agreement_notice,
    set_agreement_approval_rule,
    supersede_agreement,
)
from registry.agreements.routes.checking import (
    get_agreement_completeness,
    get_checklist,
    list_agreement_contradictions,
    list_checklists,
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
from registry.agreements.routes.importing import import_agreements
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
from registry.agreements.routes.searching import search_agreements
from registry.agreements.upkeep import routes as upkeep

router = Router(
    path="/v1",
    tags=["agreements"],
    route_handlers=[
        list_agreements,
        create_agreement,
        record_agreement,
        import_agreements,
        list_agreements_in_force,
        search_agreements,
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
        amend_agreement,
        record_agreement_amendment,
        supersede_agreement,
        add_agreement_parties,
        activate_agreement_verbally,
        agree_verbally,
        set_agreement_approval_rule,
        record_agreement_approval,
        rescind_agreement_notice,
        offer_agreement_custody,
        accept_agreement_custody,
        decline_agreement_custody,
        list_agreement_versions,
        get_agreement_version,
        get_agreement_redline,
        get_agreement_redline_page,
        list_agreement_history,
        *reviews.handlers,
        *commenting.handlers,
        *authorities.handlers,
        get_agency_contact,
        *deadlines.handlers,
        *duties.handlers,
        *upkeep.handlers,
        *insurance.handlers,
        *calendars.handlers,
        list_checklists,
        get_checklist,
        get_agreement_completeness,
        list_agreement_contradictions,
    ],
)

public_router = Router(path="/", tags=["agreements"], route_handlers=calendars.public_handlers)
"""What needs no token: calendars, at an address that is one."""
