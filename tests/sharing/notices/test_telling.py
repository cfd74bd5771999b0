"""What newly waits is told once, to whom it waits for, at the address that the person confirmed, and nothing more."""

import asyncio
import re
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from msgspec.structs import replace

from registry.platform.access.principals import Role
from registry.platform.kernel.time import utc_now
from registry.platform.mail.outbox import AGAIN_AFTER
from registry.platform.mail.sending import Mailer
from registry.platform.mail.tables import mail_letter
from registry.sharing.notices.tables import notice_told
from tests.sharing.notices.conftest import CHOICES, DESK, Scene, choose, confirmed, teller_of
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.deadlines import days_ahead
from tests.support.loans import make_loan, step, under_way
from tests.support.mail_server import URL, Post, service_that_sends, text_of
from tests.support.requests import submitted
from tests.support.server import free_port

WHY = {"reason": "Left the department (demo)."}


async def test_what_newly_waits_is_told_once(told: Scene) -> None:
    loan = await make_loan(told.partners)
    assert await told.tell(minutes=3) == 1
    (letter,) = told.post.to(DESK)
    assert str(letter["Subject"]) == "1 thing newly waits for you"
    said = text_of(letter)
    assert "- Send out what is reserved, was due " in said
    assert f"{URL}/v1/loans/{loan['id']}" in said
    assert await told.tell(minutes=3) == 0, "it waits, and was told"
    assert await told.tell(hours=3) == 0


async def test_a_letter_is_from_the_registry_to_one_address_and_says_that_a_program_wrote_it(told: Scene) -> None:
    await make_loan(told.partners)
    await told.tell(minutes=3)
    (letter,) = told.post.letters
    assert told.post.envelopes[-1] == ("registry@county.example", (DESK,))
    assert letter["From"].addresses[0].addr_spec == "registry@county.example"
    assert [each.addr_spec for each in letter["To"].addresses] == [DESK]
    assert (letter["Auto-Submitted"], letter["Precedence"]) == ("auto-generated", "bulk")
    assert re.fullmatch(r"<[0-9a-f-]{36}@registry\.example>", letter["Message-ID"].strip())
    assert letter.get_content_type() == "text/plain"
    assert letter.get_content_charset() == "utf-8"
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert letter["List-Unsubscribe"].startswith(f"<{URL}/notifications/stop/")
    assert not letter.is_multipart()


async def test_no_name_summary_or_person_is_in_a_letter(told: Scene) -> None:
    asset = await make_asset(told.partners.assisting, name="Señor Rex, K9 of Sgt. Example (demo)")
    loan = await make_loan(told.partners, asset=asset)
    asked = await submitted(told.partners.requesting, await make_asset(told.partners.assisting, name="Launch (demo)"))
    assert await told.tell(minutes=3) == 1
    (raw,) = told.post.raw[-1:]
    said = raw.decode() + told.last()
    for word in ("Rex", "Example", "Launch", asked["summary"], loan["requesting_agency"]["name"], "coordinator@"):
        assert word not in said


async def test_what_does_not_wait_any_more_when_the_letter_is_sent_is_not_told(told: Scene) -> None:
    loan = await make_loan(told.partners)
    told.clock.ahead += timedelta(minutes=3)
    assert await told.teller.look_after_next()
    await step(told.partners.assisting, loan, "dispatch")
    assert await told.teller.send_next()
    assert told.post.letters == []
    assert await told.tell(minutes=3) == 0


async def test_what_waits_anew_is_told_anew(told: Scene) -> None:
    loan = await make_loan(told.partners, "on_scene")
    person = told.partners.requesting.coordinator
    await confirmed(told, person, "partner@lakeside.example")
    await choose(person, rhythm="at_once")
    await step(told.partners.requesting, loan, "request-extension")
    assert await told.tell(minutes=3) == 2, "to the owner the extension, to the borrower the return"
    await step(told.partners.assisting, loan, "decline-extension")
    assert await told.tell(minutes=3) == 0
    await step(told.partners.requesting, loan, "request-extension")
    assert await told.tell(minutes=3) == 1
    assert "Answer an extension" in told.last()


async def test_from_a_copy_nothing_is_told(told: Scene, mail: tuple[Post, int], tmp_path: Path) -> None:
    """A backup that is served beside the registry, with its settings: people were told of what waits there, too."""
    await make_loan(told.partners)
    url = told.service.settings.database_url
    async with service_that_sends(url, tmp_path / "copy", mail[1], REGISTRY_COPY="1") as copy:
        await copy.edge.app.state.background.stop()
        told.clock.ahead += timedelta(minutes=3)
        await teller_of(copy, told.clock).run()
        ready = await copy.anonymous.get("/health/ready")
        assert ready.json()["notices"] == "off"
    assert told.post.letters == []
    assert await told.tell() == 1


async def test_two_processes_tell_once(told: Scene) -> None:
    """Without the lease, which a process that stood still may have lost without knowing."""
    for _ in range(3):
        await make_loan(told.partners)
    told.clock.ahead += timedelta(minutes=3)
    tellers = [teller_of(told.service, told.clock) for _ in range(6)]
    await asyncio.gather(*(each.look_after_next() for each in tellers))
    letters = await told.service.database.read().all(
        sa.select(mail_letter.c.id).where(mail_letter.c.status == "waiting")
    )
    assert len(letters) == 1
    await asyncio.gather(*(each.send_next() for each in tellers))
    assert len(told.post.to(DESK)) == 1
    assert len(await told.service.database.read().all(sa.select(notice_told.c.told_key))) == 3
    await asyncio.gather(*(each.run() for each in tellers))
    assert len(told.post.to(DESK)) == 1


async def test_one_process_at_a_time_tells_and_another_takes_over(told: Scene) -> None:
    first, second = (teller_of(told.service, told.clock) for _ in range(2))
    await first.run()
    await make_loan(told.partners)
    told.clock.ahead += timedelta(minutes=3)
    await second.run()
    assert told.post.letters == [], "the first has the task"
    told.clock.ahead += timedelta(minutes=6)
    await second.run()
    assert len(told.post.letters) == 1, "and loses it when it says no more"


async def test_nothing_is_told_to_whoever_may_not_act(told: Scene) -> None:
    await make_loan(told.partners)
    agency = told.partners.assisting
    people = await agency.admin.done("GET", "/v1/principals?limit=200")
    (found,) = [each for each in people["items"] if each["subject"].startswith("coordinator@")]
    suspended = await agency.admin.done("POST", f"/v1/principals/{found['id']}/suspend", WHY)
    assert await told.tell(minutes=3) == 0
    await agency.admin.done("POST", f"/v1/principals/{suspended['id']}/restore", WHY)
    assert await told.tell(minutes=61) == 1, "it waits still"
    await make_loan(told.partners)
    assert await told.tell(days=100) == 0, "whoever was not seen for so long is inactive"


async def test_who_is_suspended_before_the_letter_is_sent_gets_none(told: Scene) -> None:
    await make_loan(told.partners)
    told.clock.ahead += timedelta(minutes=3)
    await told.service.edge.app.state.sightings.store()
    assert await told.teller.look_after_next()
    revoked = {"kind": "person", "issuer": "urn:registry:development", "value": told.partners.assisting.id.hex}
    people = (await told.partners.assisting.admin.done("GET", "/v1/principals?limit=200"))["items"]
    (found,) = [each for each in people if each["subject"].startswith("coordinator@")]
    revoked |= {"issuer": found["issuer"], "value": found["subject"], **WHY}
    await told.partners.assisting.admin.done("POST", "/v1/revocations", revoked)
    assert await told.teller.send_next()
    assert told.post.letters == []


async def test_who_has_lost_the_role_is_told_nothing_of_it(told: Scene) -> None:
    person = told.partners.assisting.as_(Role.COORDINATOR, subject="changes@lakeside")
    await confirmed(told, person, "changes@lakeside.example")
    await choose(person, rhythm="at_once")
    await told.partners.assisting.as_(Role.AUDITOR, subject="changes@lakeside").done("GET", "/v1/me")
    await make_loan(told.partners)
    await told.tell(minutes=3)
    assert len(told.post.to("changes@lakeside.example")) == 1, "the code alone"


async def test_a_letter_tells_no_more_than_the_token_with_which_the_person_chose(told: Scene) -> None:
    narrow = told.partners.assisting.as_(Role.COORDINATOR, subject="narrow", scope="notices:choose loans:read")
    await confirmed(told, narrow, "narrow@lakeside.example")
    await choose(narrow, rhythm="at_once")
    await make_loan(told.partners)
    await told.tell(minutes=3)
    assert len(told.post.to("narrow@lakeside.example")) == 1, "the code alone: inbox:read is not among its scopes"


async def test_kinds_that_are_off_are_not_told(told: Scene) -> None:
    await choose(told.person, kinds_off=["handover"])
    await make_loan(told.partners)
    await make_loan(told.partners, "returned")
    assert await told.tell(minutes=3) == 1
    assert "Close a loan" in told.last()
    assert "Send out" not in told.last()
    await choose(told.person, kinds_off=[])
    assert await told.tell(minutes=3) == 1
    assert "Send out" in told.last()


async def test_in_quiet_hours_nothing_is_sent_until_they_are_over(told: Scene) -> None:
    await make_loan(told.partners)
    now = told.clock() + timedelta(minutes=3)
    minute = now.hour * 60 + now.minute
    shown = [f"{at // 60:02}:{at % 60:02}" for at in ((minute - 10) % 1440, (minute + 60) % 1440)]
    told.clock.ahead += timedelta(minutes=3)
    await told.teller.look_after_next()
    await choose(told.person, quiet_from=shown[0], quiet_to=shown[1], time_zone="UTC")
    assert await told.tell() == 0, "a letter that waits is put off, too"
    assert await told.tell(minutes=20) == 0
    assert await told.tell(minutes=41) == 1


async def test_a_digest_lists_what_newly_waits_and_what_falls_due_each_once(told: Scene) -> None:
    one, two = told.partners.assisting, told.partners.requesting
    expires_on = days_ahead(20)
    signed = await sign_agreement(told.service, one, two, effective_on=days_ahead(-9), expires_on=expires_on)
    found = await choose(told.person, rhythm="daily", time_zone="UTC", digest_at="09:00")
    assert found["next_at"].endswith("T09:00:00Z")
    loan = await make_loan(told.partners)
    assert await told.tell(days=1) == 1
    assert str(told.post.letters[-1]["Subject"]).startswith("Digest: 1 thing newly waits for you, ")
    said = told.last()
    assert f"{URL}/v1/loans/{loan['id']}" in said
    assert f"- Last day in force, agreement {signed['number']}, {expires_on}" in said
    assert signed["title"] not in said
    assert await told.tell(days=1) == 0, "nothing new, so no letter"
    await make_loan(told.partners)
    assert await told.tell(days=1) == 1
    assert "falls due" not in told.last()


async def test_a_temporary_refusal_is_tried_again_ever_later_and_given_up_in_the_end(told: Scene) -> None:
    told.post.refuse[DESK] = "451 not now"
    loan = await make_loan(told.partners)
    assert await told.tell(minutes=3) == 0
    seen = await told.person.done("GET", CHOICES)
    assert (seen["delivery"], seen["error"]) == ("failing", "the mail server does not take the address (451)")
    assert (await told.person.done("GET", f"/v1/loans/{loan['id']}"))["status"] == "reserved", "the act stands"
    health = await told.service.anonymous.done("GET", "/health/ready")
    assert (health["status"], health["notices"]) == ("ready", "on")
    assert health["checks"]["mail"].startswith("notices are not sent: 1 wait to be tried again, 0 were given up")
    del told.post.refuse[DESK]
    assert await told.tell(seconds=30) == 0
    assert await told.tell(minutes=2) == 1
    seen = await told.person.done("GET", CHOICES)
    assert (seen["delivery"], seen["failed_from"], seen["error"]) == ("on", None, None)
    assert seen["last_sent_at"] is not None
    assert (await told.service.anonymous.done("GET", "/health/ready"))["checks"]["mail"] == "ok"
    told.post.refuse[DESK] = "452 full"
    await make_loan(told.partners, window=under_way(hours=200))  # for as long as it is tried, the same waits
    await told.tell(minutes=3)
    for wait in AGAIN_AFTER:
        await told.tell(seconds=wait.total_seconds() + 1)
    rows = await told.service.database.read().all(sa.select(mail_letter.c.tries, mail_letter.c.status))
    assert (len(AGAIN_AFTER) + 1, "failed") in [tuple(row) for row in rows]


async def test_an_address_that_is_refused_for_good_is_given_up_at_once(told: Scene) -> None:
    told.post.refuse[DESK] = "550 no such user"
    await make_loan(told.partners)
    assert await told.tell(minutes=3) == 0
    del told.post.refuse[DESK]
    assert await told.tell(hours=1) == 0
    seen = await told.person.done("GET", CHOICES)
    assert (seen["delivery"], seen["error"]) == ("failing", "the mail server does not take the address (550)")
    assert utc_now().isoformat()[:4] <= seen["failed_from"][:4]


async def test_a_mail_server_that_is_away_keeps_nobody_from_anything(told: Scene) -> None:
    loan = await make_loan(told.partners)
    server = told.service.settings.mail
    assert server is not None
    away = teller_of(told.service, told.clock, Mailer(replace(server, port=free_port()), URL))
    told.clock.ahead += timedelta(minutes=6)  # the lease of the one that told before is over
    await away.run()
    assert told.post.letters == []
    assert "no connection to the mail server" in await away.check()
    await step(told.partners.assisting, loan, "dispatch")
    metrics = (await told.service.anonymous.get("/metrics")).text
    assert "registry_mail_letters_waiting 1.0" in metrics
    assert 'registry_mail_tries_total{outcome="sent"}' in metrics
