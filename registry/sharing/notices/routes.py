"""Operations on what people are told by mail."""

from litestar import Router
from litestar.params import FromPath, JSONBody

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, HtmlAnswer, entity_tag, style_policy
from registry.platform.http.asgi import Scope
from registry.platform.kernel.versions import Expected
from registry.platform.mail.sending import Mailer
from registry.platform.mail.signing import MailKey
from registry.sharing.notices import queries
from registry.sharing.notices.commands import choosing
from registry.sharing.notices.page import STYLE, stop_page, stopped_page
from registry.sharing.notices.schemas import (
    ADDRESS_EXAMPLE,
    CHANGES_EXAMPLE,
    CODE_EXAMPLE,
    AddressCode,
    GivenAddress,
    NotificationChanges,
    Notifications,
)

_PUBLIC = (
    "busy",
    "database_busy",
    "database_failed",
    "internal_error",
    "malformed",
    "not_found",
    "overloaded",
    "unknown_parameter",
)
_STORING = ("commit_failed", "commit_uncertain", "database_read_only", "write_queue_full", "write_wait_over")


def _answer(found: Notifications) -> Answer[Notifications]:
    return Answer(found, etag=entity_tag(found.version, found))


@operation("get", "/me/notifications", permission=Action.NOTICES_CHOOSE, etag=True)
async def get_notifications(
    read: Supplied[Read], caller: Supplied[Caller], mailer: Supplied[Mailer]
) -> Answer[Notifications]:
    """Read how you are told by mail what newly waits for you, and whether the letters arrive.

    Nobody is told anything who has not chosen so.
    """
    return _answer(await queries.get_notifications(read, caller, mailer))


@operation(
    "patch",
    "/me/notifications",
    permission=Action.NOTICES_CHOOSE,
    problems=("quiet_hours_empty", "quiet_hours_open", "unknown_time_zone"),
    example=CHANGES_EXAMPLE,
    etag=True,
)
async def update_notifications(
    data: JSONBody[NotificationChanges],
    write: Supplied[Write],
    caller: Supplied[Caller],
    mailer: Supplied[Mailer],
    if_match: Supplied[Expected],
) -> Answer[Notifications]:
    """Choose how often you are told, when, and of what.

    A letter tells no more than the token with which you chose could read.
    """
    return _answer(await choosing.change_notifications(write, caller, mailer, data, if_match))


@operation(
    "post",
    "/me/notifications/give-address",
    permission=Action.NOTICES_CHOOSE,
    status=200,
    problems=("wrong_status",),
    example=ADDRESS_EXAMPLE,
    etag=True,
)
async def give_notification_address(
    data: JSONBody[GivenAddress],
    write: Supplied[Write],
    caller: Supplied[Caller],
    mailer: Supplied[Mailer],
    if_match: Supplied[Expected],
) -> Answer[Notifications]:
    """Say where you want to be written to.

    What your identity provider says (`provider_address`) is taken at once. To any other address a code is sent, and
    nothing else until you confirm it; what was confirmed before stands until then. Five codes are sent a day.
    """
    return _answer(await choosing.give_address(write, caller, mailer, data, if_match))


@operation(
    "post",
    "/me/notifications/confirm-address",
    permission=Action.NOTICES_CHOOSE,
    status=200,
    problems=("no_code_awaited", "wrong_code"),
    example=CODE_EXAMPLE,
    etag=True,
)
async def confirm_notification_address(
    data: JSONBody[AddressCode],
    write: Supplied[Write],
    caller: Supplied[Caller],
    mailer: Supplied[Mailer],
    mail_key: Supplied[MailKey],
    if_match: Supplied[Expected],
) -> Answer[Notifications]:
    """Confirm with the code of the last letter that what is sent to the address reaches you."""
    return _answer(await choosing.confirm_address(write, caller, mailer, mail_key, data, if_match))


@operation(
    "post",
    "/me/notifications/forget-address",
    permission=Action.NOTICES_CHOOSE,
    status=200,
    problems=("wrong_status",),
    etag=True,
)
async def forget_notification_address(
    write: Supplied[Write],
    caller: Supplied[Caller],
    mailer: Supplied[Mailer],
    if_match: Supplied[Expected],
) -> Answer[Notifications]:
    """Have your address forgotten: nothing is sent any more. Your other choices stay."""
    return _answer(await choosing.forget_own_address(write, caller, mailer, if_match))


@operation("get", "/notifications/stop/{stop_token:str}", permission=None, public=True, problems=_PUBLIC)
async def get_stop_page(stop_token: FromPath[str], scope: Supplied[Scope]) -> HtmlAnswer:
    """Look at the page behind the link in a letter: it asks, with a button, and changes nothing.

    Programs that follow links look at it too, so that it says nothing of whose it is, or whether it is anybody's.
    """
    return HtmlAnswer(stop_page(scope["path"]), policy=style_policy(STYLE, form_action="'self'"), restricted=True)


@operation(
    "post",
    "/notifications/stop/{stop_token:str}",
    permission=None,
    public=True,
    status=200,
    any_body=True,
    problems=tuple(sorted((*_PUBLIC, *_STORING))),
)
async def stop_notifications(
    stop_token: FromPath[str], write: Supplied[Write], mail_key: Supplied[MailKey], scope: Supplied[Scope]
) -> HtmlAnswer:
    """Stop all notices to the person to whom the letter with this link was sent, without a token (RFC 8058).

    The link can do nothing else. Doing it again changes nothing. What the body holds does not matter.
    """
    await choosing.stop(write, mail_key, stop_token, scope["registry.now"])
    return HtmlAnswer(stopped_page(), policy=style_policy(STYLE), restricted=True)


router = Router(
    path="/v1",
    route_handlers=[
        get_notifications,
        update_notifications,
        give_notification_address,
        confirm_notification_address,
        forget_notification_address,
    ],
)
public_router = Router(path="/", route_handlers=[get_stop_page, stop_notifications])
"""What needs no token: the link in a letter."""
