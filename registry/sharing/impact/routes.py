"""The operation that tells what another text of an agreement would change."""

from uuid import UUID

from litestar import Router
from litestar.params import FromPath

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.http.answers import Answer
from registry.sharing.impact import queries
from registry.sharing.impact.schemas import AmendmentImpact
from registry.sharing.policy.cedar import PolicySet


@operation(
    "get",
    "/agreements/{agreement_id:uuid}/versions/{version_no:int}/impact",
    permission=Action.AGREEMENTS_READ,
)
async def get_amendment_impact(
    agreement_id: FromPath[UUID],
    version_no: FromPath[int],
    read: Supplied[Read],
    caller: Supplied[Caller],
    policies: Supplied[PolicySet],
) -> Answer[AmendmentImpact]:
    """See which of your open requests and live loans a version would change, such as an amendment before it is signed.

    Whoever may read the version may ask. Lines of requests and loans are told to their two sides alone: each agency
    sees its own. Each is decided again on the facts of its last decision, under the text of now and under this one;
    what ends before this one takes effect is not touched. Nothing is stored.
    """
    return Answer(await queries.impact_of_text(read, caller, policies, agreement_id, version_no))


router = Router(path="/v1", route_handlers=[get_amendment_impact])
