"""Converts facts to the Cedar entities and requests that `policies/schema.cedarschema` describes.

Instants are Cedar's `datetime`. Durations are whole hours and money is minor units, each with the unit in its name:
Cedar parses a `duration` or `decimal` in 8 µs and a number in 1 µs, and a decision contains a dozen of them. For the
same reason, attributes that no policy of the selection reads are not sent.
"""

from datetime import UTC, datetime

import cedarpy
import msgspec

from registry.sharing.policy.attributes import OF_AGENCIES, OF_AGREEMENT, OWNER, REQUESTING
from registry.sharing.policy.cedar import Selection
from registry.sharing.policy.facts import AgencyFacts, AgreementFacts, Facts

_Attributes = dict[str, object]

# The expiry of a certification without one: later than any window that the registry accepts.
_NEVER_LAPSES = datetime(9999, 12, 31, tzinfo=UTC)

# Where two agencies have no agreement, the policies on other facts are still evaluated.
_NO_AGREEMENT: _Attributes = {
    "id": "",
    "kind": "none",
    "in_force": False,
    "covers_category": False,
    "covers_direction": False,
    "purposes": (),
    "unstated": (),
    "least_priority": "routine",
    "approval_required": False,
    "insurance_required": False,
    "reimbursement_model": "none",
    "liability": "none",
    "command": "none",
    "sop_control": "none",
    "pay_control": "none",
}

_encode = msgspec.json.Encoder().encode


class Scene:
    """Entities and requests for one batch of evaluations with one selection.

    Equal entities are sent once, so that a page shares its principal, its ask, its agreements, and assets that differ
    in nothing that a policy reads.
    """

    def __init__(self, selection: Selection) -> None:
        self._reads = selection.reads
        self._categories = selection.categories
        self._references: dict[tuple[str, bytes, tuple[str, ...]], dict[str, str]] = {}
        self._entities: list[_Attributes] = []
        self.requests: list[_Attributes] = []

    def ask(self, facts: Facts, agreement: AgreementFacts | None) -> None:
        """Add the request for these facts under this agreement."""
        context = self._sent(
            "context",
            {
                "estimated_cost_minor": facts.ask.whole_cost_minor,
                "distance_km": facts.ask.distance_km,
                "lent_out_quantity": facts.lent_out_quantity,
                "owned_quantity": facts.owned_quantity,
            },
        )
        context["ask"] = {"__entity": self._entity("Ask", self._asked(facts))}
        context["agreement"] = {
            "__entity": self._entity("Agreement", self._sent(OF_AGREEMENT, _agreement(agreement, facts.now)))
        }
        principal = {"agency_id": facts.principal.agency_id, "roles": facts.principal.roles}
        path = tuple(name for name in facts.asset.category_path if name in self._categories)
        request: _Attributes = {
            "action": {"type": "Action", "id": "borrow"},
            "principal": self._entity("Principal", self._sent("principal", principal)),
            "resource": self._entity("Asset", self._asset(facts), path),
            "context": _encode(context).decode(),
        }
        self.requests.append(request)

    def entities(self) -> cedarpy.Entities:
        """The entities of all requests so far. Raises ValueError when Cedar does not accept them."""
        return cedarpy.Entities.from_json_str(_encode(self._entities).decode())

    def _entity(self, kind: str, attributes: _Attributes, categories: tuple[str, ...] = ()) -> dict[str, str]:
        """A reference to the entity with these attributes, which is added if it is new."""
        encoded = _encode(attributes)
        content = (kind, encoded, categories)
        reference = self._references.get(content)
        if reference is None:
            reference = {"type": kind, "id": str(len(self._entities))}
            self._references[content] = reference
            parents = [{"type": "Category", "id": name} for name in categories]
            self._entities.append({"uid": reference, "attrs": msgspec.Raw(encoded), "parents": parents})
        return reference

    def _sent(self, holder: str, attributes: _Attributes) -> _Attributes:
        """Of these attributes of `holder` the known ones that some policy reads, as Cedar reads them."""
        reads = self._reads[holder]
        return {
            name: _instant(value) if isinstance(value, datetime) else value
            for name, value in attributes.items()
            if value is not None and name in reads
        }

    def _asked(self, facts: Facts) -> _Attributes:
        ask = facts.ask
        return self._sent(
            "context.ask",
            {
                "now": facts.now,
                "start": ask.start,
                "end": ask.end,
                "duration_hours": ask.duration_hours,
                "notice_hours": ask.notice_hours(facts.now),
                "purpose": ask.purpose,
                "priority": ask.priority,
                "quantity": ask.whole_quantity,
                "action_at": facts.action_at,
                "currency": ask.currency,
                "requesting": self._agency(REQUESTING, facts.requesting),
            },
        )

    def _asset(self, facts: Facts) -> _Attributes:
        asset = facts.asset
        first = asset.first_to_lapse()
        return self._sent(
            "resource",
            {
                "id": asset.id,
                "owner": self._agency(OWNER, facts.assisting),
                "owner_id": asset.agency_id,
                "category": asset.category,
                "type_level": asset.type_level,
                "service_status": asset.service_status,
                "sharing": asset.sharing,
                "capacity": asset.capacity,
                "funding": asset.funding,
                "crew_required": asset.crew_required,
                "certification_required": asset.certification_required,
                "certified_until": (first.lapses_at or _NEVER_LAPSES) if first else None,
                "hourly_cost_minor": asset.hourly_cost_minor,
            },
        )

    def _agency(self, holder: str, agency: AgencyFacts) -> _Attributes:
        return self._sent(holder, {name: getattr(agency, name) for name in OF_AGENCIES})


def _agreement(agreement: AgreementFacts | None, now: datetime) -> _Attributes:
    if agreement is None:
        return _NO_AGREEMENT
    return {
        **msgspec.structs.asdict(agreement.terms),
        "id": agreement.id,
        "kind": agreement.kind,
        "in_force": agreement.in_force,
        "covers_category": agreement.covers_category,
        "covers_direction": agreement.covers_direction,
        "covers_until": agreement.covers_until,
        "effective_at": agreement.effective_at,
        "days_past_review": agreement.days_past_review(now),
    }


def _instant(at: datetime) -> _Attributes:
    return {"__extn": {"fn": "datetime", "arg": at.isoformat(timespec="milliseconds")[:-6] + "Z"}}
