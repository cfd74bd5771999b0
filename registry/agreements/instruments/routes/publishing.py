"""A party's own word on what is marked public: agreed to, or taken back."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.agreements.instruments.commands import publishing
from registry.agreements.instruments.routes import examples
from registry.agreements.instruments.routes.answering import agreement_answer
from registry.agreements.instruments.schemas.consenting import AgreeingToPublish, StoppingToPublish
from registry.agreements.instruments.schemas.shown import Agreement
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.versions import Expected


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/agree-to-publish",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.AGREEING_TO_PUBLISH,
    etag=True,
    problems=(
        "nothing_to_publish",
        "publication_unnamed",
        "repeats_restricted",
        "wrong_status",
    ),
)
async def agree_to_publish_agreement(
    agreement_id: FromPath[UUID],
    data: JSONBody[AgreeingToPublish],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Agree, for your agency, that a version's public provisions or a public document are shown to all.

    They are once each party that the text names, or that is bound, has given its own word; nobody's silence counts. Who
    signed the version here has given it with that, and who confirmed its signature where it said so
    (`agrees_to_publish`). What a statute asks you to post is your own to post: have counsel review.
    """
    return agreement_answer(await publishing.agree_to_publish(write, caller, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/stop-publishing",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.STOPPING_TO_PUBLISH,
    etag=True,
    problems=(
        "nothing_to_publish",
        "publication_unnamed",
        "repeats_restricted",
        "wrong_status",
    ),
)
async def stop_publishing_agreement(
    agreement_id: FromPath[UUID],
    data: JSONBody[StoppingToPublish],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Take back your agency's word that a version or a document is shown to all, or refuse to give it.

    From then on it is shown to the parties alone, until your agency agrees again. What others have of it already they
    keep. Have counsel review where the law makes it a public record.
    """
    return agreement_answer(await publishing.stop_publishing(write, caller, agreement_id, data, if_match))


handlers = [agree_to_publish_agreement, stop_publishing_agreement]
