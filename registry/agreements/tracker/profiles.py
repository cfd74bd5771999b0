"""Profiles: what a list that another body publishes calls its columns, and what its agreements are taken to say."""

import hashlib
from importlib.resources import files
from pathlib import Path
from uuid import UUID

import msgspec
import yaml
from msgspec import Struct

from registry.agreements.instruments.notice import Notice, NoticeDays, PartyNotice
from registry.agreements.instruments.rules import AgreementKind
from registry.agreements.instruments.terms import Terms
from registry.agreements.law.rules import Law, Matter, Party, applies, checked_laws
from registry.agreements.tracker.cells import Dates, straightened
from registry.directory.agencies.rules import AgencyKind
from registry.platform.kernel.errors import Malformed
from registry.platform.kernel.text import JobTitle
from registry.platform.kernel.yaml_text import read_yaml

_SHIPPED = files("registry.agreements.tracker") / "profiles"


class Columns(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The list's headers. A file with the header of `signed_on` lists what is signed, one without what is pending."""

    snapshot: str
    state: str
    agency: str
    kind: str
    form: str
    signed_on: str


class Form(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One of the list's standard agreements: the notice that either side gives, unless the custodian's differs."""

    code: str
    notice: Notice
    custodian_days: NoticeDays = None

    def notice_of(self, custodian_id: UUID) -> Notice:
        """The notice as it stands in an agreement that this agency keeps."""
        if self.custodian_days is None:
            return self.notice
        own = PartyNotice(agency_id=custodian_id, days=self.custodian_days)
        return msgspec.structs.replace(self.notice, by_party=[own])


class Instrument(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What every agreement on the list is taken to say; number and title may name {state}, {form}, {agency}, {key}."""

    number: str
    title: str
    kind: AgreementKind
    time_zone: str
    signatory_title: JobTitle
    terms: Terms


class Profile(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How a published list is read."""

    source: str
    about: str
    columns: Columns
    unread: list[str]
    snapshot_format: str
    dates: Dates
    forms: dict[str, Form]
    agencies: dict[str, AgencyKind]
    agreement: Instrument
    law: Law | None = None
    """What its agreements rest on; a shipped profile has it."""

    def is_known(self, header: str) -> bool:
        """Whether the list has that header."""
        return header in {*msgspec.structs.astuple(self.columns), *self.unread}

    def number_of(self, state: str, agency: str, form: str) -> str:
        """The number under which an agreement on the list is entered: the list gives none."""
        key = hashlib.sha256("\n".join((state, agency, form)).encode()).hexdigest()[:8]
        return self.agreement.number.format(state=state, agency=agency, form=self.forms[form].code, key=key)

    def title_of(self, state: str, agency: str, form: str) -> str:
        """Its title."""
        return self.agreement.title.format(state=state, agency=straightened(agency), form=form, key="")[:200]


def shipped_profiles() -> list[str]:
    """The names of the profiles that come with the registry."""
    return sorted(entry.name.removesuffix(".yaml") for entry in _SHIPPED.iterdir() if entry.name.endswith(".yaml"))


def load_profile(name: str) -> Profile:
    """A shipped profile by its name, or one's own by its path. Raises Malformed, OSError."""
    if name in shipped_profiles():
        text = (_SHIPPED / f"{name}.yaml").read_text("utf-8")
    elif name.endswith((".yaml", ".yml")):
        text = Path(name).read_text("utf-8")
    else:
        known = ", ".join(shipped_profiles())
        raise Malformed(f"There is no profile “{name}”. Shipped are: {known}; or give the path of a .yaml file.")
    try:
        profile = msgspec.convert(read_yaml(text), Profile, strict=True)
        _check_law(profile)
    except (yaml.YAMLError, ValueError) as error:
        raise Malformed(f"The profile {name} cannot be used: {error}.") from None
    return profile


def _check_law(profile: Profile) -> None:
    """Raises ValueError for a law that does not hold together, or that touches no agreement of the list."""
    if profile.law is None:
        return
    checked_laws({profile.source: profile.law})
    says = profile.agreement
    for kind in set(profile.agencies.values()):
        parties = (Party(kind=AgencyKind.FEDERAL), Party(kind=kind))
        matter = Matter(instrument=says.kind, purposes=frozenset(says.terms.purposes), parties=parties)
        if not applies(profile.law.applies_to, matter):
            raise ValueError(f"its law does not apply to the agreements of {kind} agencies on the list")
