"""The agreements that are walked, each in a state of its own.

The first party keeps the agreement; the others' acts are their own.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from tests.support.agreements import EVIDENCE, agreement_body, confirm_agreement, record_agreement, sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import agree_to_days, all_consent, consent, left_long_ago, proof, propose_end
from tests.support.consent_walk_bodies import DAY, NOTICE_DAYS, PATH, TEXT, wider_text, word_given
from tests.support.documents import file_document
from tests.support.review import hand, out_for_signature
from tests.support.service import Service
from tests.support.tracker import shown, signed, take


async def bound_agreement(service: Service, *parties: Agency) -> dict[str, Any]:
    """All have signed it."""
    return await sign_agreement(service, *parties, provisions=TEXT, notice={"days": NOTICE_DAYS})


async def _unconfirmed(service: Service, *parties: Agency) -> dict[str, Any]:
    return await record_agreement(*parties, provisions=TEXT, notice={"days": NOTICE_DAYS})


async def _half_confirmed(service: Service, *parties: Agency) -> dict[str, Any]:
    return await confirm_agreement(await _unconfirmed(service, *parties), parties[1])


async def _ending(service: Service, *parties: Agency) -> dict[str, Any]:
    return await propose_end(parties[0], await bound_agreement(service, *parties))


async def _nearly_ended(service: Service, *parties: Agency) -> dict[str, Any]:
    found = await _ending(service, *parties)
    return await consent(parties[1], found, found["proposals"][0]) if len(parties) > 2 else found


async def _letter(service: Service, *parties: Agency) -> dict[str, Any]:
    found = await bound_agreement(service, *parties)
    said = {"agency_id": str(parties[1].id), "kind": "gave_notice", "acted_on": str(today() - 90 * DAY)}
    body = {**said, "evidence_sha256": EVIDENCE, "reason": "a letter"}
    done: dict[str, Any] = await parties[0].legal.done("POST", f"{PATH}/{found['id']}/report-act", body)
    return done


async def _letter_on_file(service: Service, *parties: Agency) -> dict[str, Any]:
    """The days of what was reported are running: nobody has contested it."""
    found = await bound_agreement(service, *parties)
    said = {"agency_id": str(parties[1].id), "kind": "gave_notice", "acted_on": str(today() - 90 * DAY)}
    body = {**said, "evidence_sha256": await proof(parties[0], found), "reason": "a letter"}
    done: dict[str, Any] = await parties[0].legal.done("POST", f"{PATH}/{found['id']}/report-act", body)
    assert {each["status"] for each in done["reported_acts"]} == {"open"}
    return done


async def _suspended(service: Service, *parties: Agency) -> dict[str, Any]:
    found = await bound_agreement(service, *parties)
    done: dict[str, Any] = await parties[1].legal.done("POST", f"{PATH}/{found['id']}/suspend", {"reason": "inquiry"})
    return done


async def _amending(service: Service, *parties: Agency) -> dict[str, Any]:
    found = await bound_agreement(service, *parties)
    done: dict[str, Any] = await parties[0].legal.done("POST", f"{PATH}/{found['id']}/record-amendment", wider_text())
    return done


async def _filed(service: Service, *parties: Agency) -> dict[str, Any]:
    found = await bound_agreement(service, *parties)
    await file_document(parties[0].legal, found["id"], sensitivity="public")
    return found


async def _spoken(service: Service, *parties: Agency) -> dict[str, Any]:
    body = agreement_body(*parties, provisions=TEXT, notice={"days": NOTICE_DAYS})
    found = await parties[0].legal.done("POST", PATH, body)
    path = f"{PATH}/{found['id']}/activate-verbally"
    done: dict[str, Any] = await parties[0].signatory.done("POST", path, word_given())
    return done


async def _signed_and_spoken(service: Service, *parties: Agency) -> dict[str, Any]:
    """Out for signature, signed by some, and then set in motion by word of mouth."""
    found = await out_for_signature(*parties, provisions=TEXT, notice={"days": NOTICE_DAYS})
    path = f"{PATH}/{found['id']}"
    await parties[1].signatory.done("POST", f"{path}/sign", hand(found))
    done: dict[str, Any] = await parties[0].signatory.done("POST", f"{path}/activate-verbally", word_given())
    return done


async def _ended_with_more_proposed(service: Service, *parties: Agency) -> dict[str, Any]:
    """Ended by all, with a suspension proposed to which one of them had not consented."""
    found = await _ending(service, *parties)
    pause = {"kind": "suspension", "reason": "a dispute"}
    await parties[0].legal.done("POST", f"{PATH}/{found['id']}/propose-suspension", pause)
    return await all_consent(parties[1:], found, found)


async def _reaching_back(service: Service, *parties: Agency) -> dict[str, Any]:
    """An end of a day on which one was bound that has left since; of three parties one more is asked."""
    found = await bound_agreement(service, *parties)
    await left_long_ago(service, parties[-1], found)
    past = {"acted_on": "2025-03-01", "evidence_sha256": EVIDENCE, "reason": "the letters of that day"}
    done: dict[str, Any] = await parties[0].legal.done("POST", f"{PATH}/{found['id']}/terminate", past)
    return done


async def _signed_by_two(service: Service, *parties: Agency) -> dict[str, Any]:
    """An amendment of days that are over, which two of them signed: of three the last is bound as before.

    It is open to newcomers where the last has not agreed to that.
    """
    found = await bound_agreement(service, *parties)
    return await _amended_long_ago(found, *parties[:2], is_open=len(parties) > 2)


async def _amended_long_ago(found: dict[str, Any], *parties: Agency, is_open: bool = False) -> dict[str, Any]:
    """One records the paper, and the others of these confirm it."""
    path, day = f"{PATH}/{found['id']}", {"signed_on": "2025-02-01"}
    terms = {"categories": ["any"], "open_to_accession": is_open}
    body = {**wider_text(), **day, "effective_on": "2025-02-01", "terms": terms}
    done: dict[str, Any] = await parties[0].legal.done("POST", f"{path}/record-amendment", body)
    for party in parties[1:]:
        its = {"version_sha256": done["amendment"]["version_sha256"], "signatory_title": "Chief"}
        kept = {"evidence_location": "The archive (demo)"}
        done = await party.legal.done("POST", f"{path}/confirm", {**its, **day, **kept})
    return await agree_to_days(done, *parties)


async def _ended_with_a_paper_open(service: Service, *parties: Agency) -> dict[str, Any]:
    """Ended by all, while a paper that came before waits for those to say so that signed it too."""
    found = await bound_agreement(service, *parties)
    await _amended_long_ago(found, parties[0])
    return await all_consent(parties[1:], found, await propose_end(parties[0], found))


async def _end_reported(service: Service, *parties: Agency) -> dict[str, Any]:
    """A paper of which a tracker says that it is over, and that nobody has confirmed."""
    over = {"status": "Terminated", "ended_on": "2025-06-30"}
    return await shown(parties[0], await take(service, signed(*parties, **over)))


async def _suspended_long_ago(service: Service, *parties: Agency) -> dict[str, Any]:
    """What one says that all agreed on, shown by what is not on file: that it was suspended for a month."""
    found = await bound_agreement(service, *parties)
    past = {"acted_on": "2025-03-01", "ends_on": "2025-03-31", "evidence_sha256": EVIDENCE}
    body = {"kind": "suspension", "reason": "a dispute", **past}
    done: dict[str, Any] = await parties[0].legal.done("POST", f"{PATH}/{found['id']}/propose-suspension", body)
    assert {each["status"] for each in done["reported_acts"]} == {"unconfirmed"}
    return done


async def successors_of(service: Service, cast: Cast, parties: Sequence[Agency]) -> list[str]:
    """Agreements that might take its place: signed by all, by the first two, by one of them with somebody else."""
    alone = await record_agreement(*parties)
    whole = await sign_agreement(service, *parties)
    of_two = await sign_agreement(service, *parties[:2])
    elsewhere = await sign_agreement(service, parties[0], cast.stranger)
    return [each["id"] for each in (elsewhere, alone, of_two, whole)]


STATES: Mapping[str, Callable[..., Awaitable[dict[str, Any]]]] = {
    "bound": bound_agreement,
    "unconfirmed": _unconfirmed,
    "half confirmed": _half_confirmed,
    "its end proposed": _ending,
    "its end consented to by one more": _nearly_ended,
    "a letter reported": _letter,
    "a letter reported that is on file": _letter_on_file,
    "one part suspended": _suspended,
    "an amendment out": _amending,
    "by word of mouth": _spoken,
    "a document to be published": _filed,
    "signed by some, then activated verbally": _signed_and_spoken,
    "ended with a proposal open": _ended_with_more_proposed,
    "an end of days before one left": _reaching_back,
    "an amendment signed by two": _signed_by_two,
    "ended with a paper open": _ended_with_a_paper_open,
    "its end reported": _end_reported,
    "a suspension of the past reported": _suspended_long_ago,
}
