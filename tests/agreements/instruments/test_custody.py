"""Who keeps an agreement: offered by the custodian, taken over by a party."""

from tests.agreements.instruments.test_amendments import act
from tests.support.agreements import (
    agreement_body,
    confirm_agreement,
    record_agreement,
    sign_agreement,
)
from tests.support.cast import Cast, today
from tests.support.problems import assert_problem
from tests.support.service import Service

PATH = "/v1/agreements"


class TestCustody:
    async def test_it_passes_when_the_other_party_accepts(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        path = f"{PATH}/{found['id']}"
        offer = {"agency_id": str(cast.requesting.id), "reason": "the county keeps the master form"}
        answer = {"reason": "agreed"}
        assert_problem(await cast.requesting.legal.post(f"{path}/accept-custody", answer), 409, "wrong_status")
        offered = await act(cast.assisting, found, "offer-custody", offer)
        assert offered["custody_offered_to"] == {"id": str(cast.requesting.id), "name": cast.requesting.name}
        await act(cast.requesting, found, "decline-custody", answer)
        assert_problem(await cast.requesting.legal.post(f"{path}/accept-custody", answer), 409, "wrong_status")
        await act(cast.assisting, found, "offer-custody", offer)
        taken = await act(cast.requesting, found, "accept-custody", answer)
        assert (taken["custodian_agency"], taken["custody_offered_to"]) == (offered["custody_offered_to"], None)
        amendment = {"effective_on": str(today()), "reason": "x"}
        assert_problem(await cast.assisting.legal.post(f"{path}/amend", amendment), 403)
        await act(cast.requesting, found, "amend", amendment)

    async def test_it_is_offered_by_the_custodian_to_a_party_alone(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        path = f"{PATH}/{found['id']}/offer-custody"
        offer = {"agency_id": str(cast.requesting.id), "reason": "x"}
        assert_problem(await service.anonymous.post(path, offer), 401)
        assert_problem(await cast.requesting.legal.post(path, offer), 403)
        assert_problem(await cast.assisting.legal.post(path, {"reason": "x"}), 400)
        assert_problem(await cast.assisting.legal.post(path, offer, if_match='"1-00000000"'), 412)
        for other in (cast.assisting.id, cast.stranger.id):
            body = {**offer, "agency_id": str(other)}
            assert_problem(await cast.assisting.legal.post(path, body), 422, "not_a_party")
        await act(cast.assisting, found, "offer-custody", offer)
        back = await act(cast.assisting, found, "offer-custody", {"agency_id": None, "reason": "changed our mind"})
        assert back["custody_offered_to"] is None
        draft = await cast.assisting.legal.done("POST", PATH, agreement_body(cast.assisting, cast.requesting))
        drafted = f"{PATH}/{draft['id']}/offer-custody"
        assert_problem(await cast.assisting.legal.post(drafted, offer), 409, "wrong_status")

    async def test_a_number_that_the_new_custodian_uses_already_stays_with_the_old_one(
        self, service: Service, cast: Cast
    ) -> None:
        theirs = await record_agreement(cast.requesting, cast.assisting)
        found = await sign_agreement(service, cast.assisting, cast.requesting, number=theirs["number"])
        await act(cast.assisting, found, "offer-custody", {"agency_id": str(cast.requesting.id), "reason": "x"})
        path = f"{PATH}/{found['id']}/accept-custody"
        assert_problem(await cast.requesting.legal.post(path, {"reason": "x"}), 409, "number_taken")

    async def test_it_does_not_pass_while_a_party_that_came_to_be_one_since_has_not_agreed_to_who_takes_it(
        self, service: Service, cast: Cast
    ) -> None:
        one, two, first, second = cast.assisting, cast.requesting, cast.neighbour, cast.stranger
        found = await sign_agreement(service, one, two)
        path = f"{PATH}/{found['id']}"
        for new in (first, second):
            asked = await act(one, found, "add-parties", {"agency_ids": [str(new.id)], "reason": "asked to join"})
            await act(two, found, f"proposals/{asked['proposals'][-1]['id']}/consent", {})
        at_the_clerks = {"evidence_location": "The clerk's vault (demo)"}
        await confirm_agreement(found, second, today(), **at_the_clerks)
        await act(one, found, "offer-custody", {"agency_id": str(second.id), "reason": "moves"})
        await confirm_agreement(found, first, today(), **at_the_clerks)
        answer = {"reason": "agreed"}
        refused = await second.legal.post(f"{path}/accept-custody", answer)
        detail = assert_problem(refused, 409, "wrong_status")["detail"]
        assert "has not agreed to it" in detail
        seen = await second.legal.done("GET", path)
        assert {"action": "accept_custody", "allowed": False, "reason": detail} in seen["allowed_actions"]
        (its,) = (each for each in seen["proposals"] if first.reference in each["outstanding"])
        await act(first, found, f"proposals/{its['id']}/consent", {})
        taken = await act(second, found, "accept-custody", answer)
        assert taken["custodian_agency"] == second.reference
