"""Acts of the operator that two administrators do together."""

from typing import Any

from registry.platform.access.principals import OPERATOR_AGENCY_ID, Role
from tests.support.service import Caller, Service


def second_operator(service: Service) -> Caller:
    """Another administrator of the registry than the one whom tests let act."""
    return service.caller(OPERATOR_AGENCY_ID, Role.REGISTRY_ADMIN, subject="second-operator")


async def done_by_two(service: Service, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Propose the act as one administrator and approve it as another; the act as it stands then."""
    proposed = await service.operator.post(path, body)
    assert proposed.status_code == 202, proposed.text
    acted = f"/v1/operator-acts/{proposed.json()['operator_act_id']}/approve"
    approved: dict[str, Any] = await second_operator(service).done("POST", acted, {})
    return approved
