"""Values of an asset, with their bounds."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from registry.directory.agencies.schemas import State
from registry.platform.kernel.text import NAME_PATTERN, Code, Name
from registry.platform.kernel.time import CivilDate
from registry.resources.assets.identifying import IdentifierKind

Tag = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=80,
        pattern=NAME_PATTERN,
        description="The owner's own number for it, unique within the agency.",
        examples=["K9-07"],
    ),
]

IdentifierValue = Annotated[str, Meta(min_length=1, max_length=80, pattern=NAME_PATTERN)]
CountyFips = Annotated[
    str,
    Meta(
        min_length=5,
        max_length=5,
        pattern=r"\A[0-9]{5}\Z",
        extra={"form": "the five digits of a county's FIPS number"},
        description="A county by its FIPS number.",
        examples=["27053"],
    ),
]
WithinKm = Annotated[float, Meta(gt=0, le=2_000)]
MOST_OF_A_NUMBER = 10**12

HeldBack = Annotated[
    bool | None,
    Meta(
        description="True where it is free in the window asked about, and its owner holds so much back that it cannot "
        "be reserved all the same; null where no window is asked about. For others than its owner that is counted by "
        "what they see of the owner's assets: there may be more, so that it is worth asking."
    ),
]
TypeLevel = Annotated[int, Meta(ge=1, le=4, description="NIMS type; 1 (Type I) is the most capable.", examples=[2])]

Capacity = Annotated[
    int, Meta(ge=1, le=100_000, description="How many can be lent at one time; 1 is exclusive.", examples=[1])
]

Quantity = Annotated[int, Meta(ge=1, le=100_000, description="How many are wanted.")]

Minutes = Annotated[int, Meta(ge=0, le=44_640, description="From call to departure.", examples=[45])]

Turnaround = Annotated[
    int,
    Meta(ge=0, le=44_640, description="From the end of a loan until it can be lent again, in minutes.", examples=[60]),
]

# Numbers that every JSON parser, and every database, reads alike.
AttributeValue = (
    Annotated[str, Meta(min_length=1, max_length=200, pattern=NAME_PATTERN)]
    | bool
    | Annotated[int, Meta(ge=-MOST_OF_A_NUMBER, le=MOST_OF_A_NUMBER)]
    | Annotated[float, Meta(ge=-MOST_OF_A_NUMBER, le=MOST_OF_A_NUMBER)]
)

MOST_ATTRIBUTES = 32

Attributes = Annotated[
    dict[Code, AttributeValue],
    Meta(
        max_length=MOST_ATTRIBUTES,
        description="Other properties, by name; those that its category defines, as it defines them.",
        examples=[{"breed": "Malinois", "dog_age_years": 4, "fentanyl_trained": True}],
    ),
]

AttributesPatch = Annotated[
    dict[Code, AttributeValue | None],
    Meta(max_length=2 * MOST_ATTRIBUTES, description="Merged by name; null removes."),
]

Funding = Annotated[
    list[Code],
    Meta(
        max_length=20,
        description="Conditions of the funds with which it was paid, by code; policies read them.",
        examples=[["leso_1033"]],
    ),
]


class Certification(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A certificate of the asset as a unit, such as a K9 team in one discipline."""

    code: Code
    issuer: Annotated[Name | None, Meta(description="Who granted it.")] = None
    number: Annotated[IdentifierValue | None, Meta(description="The issuer's own number for it.")] = None
    issued_on: CivilDate | None = None
    effective_on: Annotated[
        CivilDate | None, Meta(description="The first valid day, where that is not the day of issue.")
    ] = None
    expires_on: Annotated[CivilDate | None, Meta(description="The last valid day; null when it does not expire.")] = (
        None
    )


Certifications = Annotated[list[Certification], Meta(max_length=20)]


class Identifier(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A number or name by which others know the asset."""

    kind: IdentifierKind
    value: IdentifierValue
    public: Annotated[
        bool,
        Meta(
            description="Whether all who see the asset see it. Otherwise its owner does, and who has the asset "
            "reserved or out."
        ),
    ] = False


Identifiers = Annotated[
    list[Identifier],
    Meta(max_length=20, description="VIN, serial number, tail number and the like; replaced as a whole."),
]


class ServiceArea(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Where the asset serves: in any of these states and counties, and within the radius around its home."""

    states: Annotated[list[State], Meta(max_length=60)] = []
    counties: Annotated[list[CountyFips], Meta(max_length=300)] = []
    within_km: Annotated[WithinKm | None, Meta(description="Radius around `home_location`, in kilometres.")] = None


class CrewNeed(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """People without whom the asset is not used."""

    role: Annotated[Name, Meta(description="What they do, such as driver or handler.", examples=["Driver"])]
    quantity: Annotated[int, Meta(ge=1, le=1_000, description="How many of them.")] = 1
    capabilities: Annotated[
        list[Code],
        Meta(
            max_length=20,
            description="What each can do: codes of `GET /v1/capability-types`, credentials and positions included.",
        ),
    ] = []
    provided_by: Annotated[
        Literal["assisting", "requesting"], Meta(description="Which side of a loan has to provide them.")
    ] = "assisting"


Crew = Annotated[list[CrewNeed], Meta(max_length=20)]
