"""Who one is to the registry, by one's token."""

from registry.platform.access.principals import Role
from tests.support.cast import Cast
from tests.support.problems import assert_problem
from tests.support.service import Service

PATH = "/v1/me"


async def test_a_person_reads_who_that_is_and_what_roles_and_scopes_allow(cast: Cast) -> None:
    person = cast.assisting.as_(Role.COORDINATOR, Role.LEGAL, subject="lena", scope="openid assets:read agreements:*")
    me = await person.done("GET", PATH)
    assert (me["subject"], me["agency"]) == ("lena", cast.assisting.reference)
    assert (me["roles"], me["scopes"]) == (["coordinator", "legal"], ["agreements:*", "assets:read", "openid"])
    allowed = {each["permission"]: each["relations"] for each in me["permissions"]}
    assert allowed["assets:read"] == ["anyone"]
    assert "party" in allowed["agreements:sign"]
    assert "requests:create" not in allowed
    assert "requests:create" in me["withheld_by_scope"]
    assert "agencies:admit" not in {*allowed, *me["withheld_by_scope"]}, "no role of the person's would allow it"


async def test_a_service_is_allowed_what_its_scopes_name_and_nothing_that_is_for_people(cast: Cast) -> None:
    me = await cast.assisting.as_(Role.SERVICE, scope="* assets:read agreements:*").done("GET", PATH)
    allowed = {each["permission"] for each in me["permissions"]}
    assert {"assets:read", "agreements:read"} <= allowed
    assert not {"loans:read", "agreements:sign"} & allowed


async def test_whoever_has_no_role_or_scope_reads_that(cast: Cast) -> None:
    for nobody in (cast.assisting.as_(), cast.assisting.as_(Role.LEGAL, scope="none")):
        assert (await nobody.done("GET", PATH))["permissions"] == []


async def test_a_token_is_needed(service: Service) -> None:
    assert_problem(await service.anonymous.get(PATH), 401)
    assert_problem(await service.operator.get(f"{PATH}?verbose=1"), 400, "unknown_parameter")
