"""Personnel records, what each person can do by days and ranks, and what of an agency others may learn.

`personnel_capability` is derived from the records, so that databases can count. `capability_disclosure` holds an
agency's own rules, `capability_cell` how its numbers came to be published, and `capability_published` what is.
"""

import sqlalchemy as sa

from registry.platform.database.types import Civil, Instant, Json, Uuid, one_of, table, unique
from registry.resources.personnel.disclosure import BelowThreshold, CapabilitySharing
from registry.resources.personnel.rules import PersonnelStatus

personnel_record = table(
    "personnel_record",
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("tag", sa.Text, nullable=False),
    sa.Column("tag_form", sa.Text, nullable=False),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("rank", sa.Text),
    sa.Column("title", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("latitude", sa.Double),
    sa.Column("longitude", sa.Double),
    sa.Column("capabilities", Json, nullable=False),
    sa.Column("credentials", Json, nullable=False),
    sa.Column("qualifications", Json, nullable=False),
    sa.Column("training", Json, nullable=False),
    sa.Column("hours", Json, nullable=False),
    sa.Column("absences", Json, nullable=False),
    sa.Column("conditions", Json, nullable=False),
    sa.Column("allocation_version", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    unique("agency_id", "tag_form", code="personnel_tag_taken", detail="Your agency has a person with that tag."),
    one_of("status", PersonnelStatus),
    sa.CheckConstraint("(latitude IS NULL) = (longitude IS NULL)", name="point"),
    sa.CheckConstraint("length(display_name) BETWEEN 1 AND 200", name="name_length"),
    sa.CheckConstraint("version > 0", name="version"),
    sa.Index("ix_personnel_record_agency_id", "agency_id", "id"),
    sa.Index("ix_personnel_record_updated_at", "agency_id", "updated_at", "id"),
)

personnel_capability = table(
    "personnel_capability",
    sa.Column("personnel_id", Uuid, sa.ForeignKey(personnel_record.c.id), primary_key=True),
    sa.Column("capability", sa.Text, sa.ForeignKey("capability_type.code"), primary_key=True),
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("tested_level", sa.Integer, nullable=False),
    sa.Column("from_on", Civil, nullable=False),
    sa.Column("until_on", Civil, nullable=False),
    sa.CheckConstraint("level BETWEEN 0 AND 10 AND tested_level BETWEEN 0 AND 10", name="level"),
    sa.Index("ix_personnel_capability_agency", "agency_id", "capability", "level"),
)
"""`level` is the highest rank that is said, `tested_level` the one that was tested, 0 for none."""

capability_disclosure = table(
    "capability_disclosure",
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("id", Uuid, nullable=False),
    sa.Column("sharing", sa.Text, nullable=False),
    sa.Column("threshold", sa.Integer, nullable=False),
    sa.Column("below_threshold", sa.Text, nullable=False),
    sa.Column("blocks", sa.Integer, nullable=False),
    sa.Column("released_on", Civil),
    sa.Column("released_sharing", sa.Text),
    sa.Column("released_below_threshold", sa.Text),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    one_of("sharing", CapabilitySharing),
    one_of("below_threshold", BelowThreshold),
    sa.CheckConstraint("threshold IN (3, 6, 12, 24)", name="threshold"),
    sa.Index("ix_capability_disclosure_due_at", "due_at"),
)
"""An agency's rules for what others learn, and when it is next made anew; `blocks` are those of the agency's people.

`released_sharing` and `released_below_threshold` are the rules at the last release: as long as they kept numbers back,
others are told that it publishes nothing. So they are, at once, by rules that show less.
"""

capability_cell = table(
    "capability_cell",
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("capability", sa.Text, primary_key=True),
    sa.Column("level", sa.Integer, primary_key=True),
    sa.Column("tested", sa.Boolean, primary_key=True),
    sa.Column("band", sa.Integer, nullable=False),
    sa.Column("blocks", sa.Integer, nullable=False),
    sa.Column("counted", sa.Integer, nullable=False),
    sa.Column("publish_on", Civil),
)
"""How each number came to be published. No question is answered from here."""

capability_published = table(
    "capability_published",
    sa.Column("agency_id", Uuid, sa.ForeignKey("agency.id"), primary_key=True),
    sa.Column("capability", sa.Text, sa.ForeignKey("capability_type.code"), primary_key=True),
    sa.Column("level", sa.Integer, primary_key=True),
    sa.Column("tested", sa.Boolean, primary_key=True),
    sa.Column("band", sa.Integer, nullable=False),
    sa.Column("blocks", sa.Integer, nullable=False),
    sa.Column("cell", sa.Integer),
    sa.CheckConstraint("band > 0", name="band"),
    sa.Index("ix_capability_published_place", "capability", "level", "tested", "cell", "agency_id"),
)
"""All that other agencies' questions reach. `cell` is where the agency is; where its people are is nowhere here."""
