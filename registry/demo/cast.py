"""Agencies, agreement and assets of the demonstration. Each agency is invented, with “demo” in its name."""

from datetime import date, timedelta
from typing import Any

ZONE = "America/Chicago"
PLACE = {"latitude": 44.98, "longitude": -93.27}

SHERIFF: dict[str, Any] = {
    "name": "Northfork County Sheriff's Office (demo)",
    "kind": "county",
    "level": "county",
    "state": "MN",
    "counties": ["Northfork (demo)"],
    "location": {"latitude": 45.19, "longitude": -93.39},
    "time_zone": ZONE,
    "phone": "+1 555 0100",
}
POLICE: dict[str, Any] = {
    "name": "Lakeside Police Department (demo)",
    "kind": "city",
    "level": "local",
    "state": "MN",
    "counties": ["Northfork (demo)"],
    "location": PLACE,
    "time_zone": ZONE,
    "phone": "+1 555 0101",
}
LABORATORY: dict[str, Any] = {
    "name": "Tri-County Forensic Laboratory (demo)",
    "kind": "other_state",
    "level": "state",
    "state": "MN",
    "location": {"latitude": 44.95, "longitude": -93.1},
    "time_zone": ZONE,
}

AGREEMENT: dict[str, Any] = {
    "number": "MA-DEMO-014",
    "title": "Mutual aid among the agencies of Northfork (demo)",
    "kind": "mutual_aid",
    "time_zone": ZONE,
    "notice": {"days": 60},
    "auto_renew_months": 12,
    "auto_renew_times": "no_limit",
    "review_every_months": 12,
    "terms": {
        "categories": ["k9", "lab", "vehicle", "vessel", "equipment"],
        "purposes": ["mutual_aid", "narcotics_investigation", "evidence_processing", "search_and_rescue"],
        "max_duration_hours": 72,
        "approval_over_hours": 24,
        "reimbursement": {"model": "actual_after_hours", "free_hours": 12},
        "claim_window_days": 60,
        "liability": "respective",
        "command": "requesting",
        "sop_control": "assisting",
        "pay_control": "assisting",
        "recall_notice_hours": 0,
        "clauses": {
            "max_duration_hours": "4.2",
            "approval_over_hours": "4.3",
            "purposes": "3.1",
            "reimbursement": "6.1",
            "recall_notice_hours": "4.5",
        },
    },
    "provisions": [
        {
            "number": "3.1",
            "heading": "purpose",
            "sensitivity": "public",
            "text": "Aid is given for investigations, evidence processing and searches. (Demonstration text.)",
        },
        {
            "number": "4.2",
            "heading": "resource_allocation",
            "sensitivity": "public",
            "text": "No loan lasts longer than 72 hours, unless extended in writing. (Demonstration text.)",
        },
        {
            "number": "4.3",
            "heading": "request_procedure",
            "sensitivity": "public",
            "text": "A loan over 24 hours needs the approval of the assisting commander. (Demonstration text.)",
        },
        {
            "number": "4.5",
            "heading": "recall",
            "sensitivity": "public",
            "text": "The assisting agency may recall its resource at any time. (Demonstration text.)",
        },
        {
            "number": "6.1",
            "heading": "reimbursement",
            "sensitivity": "parties",
            "text": "The first twelve consecutive hours are free; actual costs thereafter. (Demonstration text.)",
        },
        {
            "number": "9.4",
            "heading": "confidentiality",
            "sensitivity": "restricted",
            "exemption": "Demonstration exemption; have counsel review",
            "text": "Radio channels for joint operations are set out in Annex B. (Demonstration text.)",
        },
    ],
}

DNA_SERVICE: dict[str, Any] = {
    "category": "lab.dna",
    "name": "DNA casework, five slots a week (demo)",
    "description": "ISO/IEC 17025 scope: biology, STR typing. A loan is a booked slot; nothing travels",
    "tag": "DNA-W",
    "capacity": 5,
    "location": LABORATORY["location"],
}
DIVE_TEAM: tuple[tuple[dict[str, Any], int], ...] = tuple(
    (
        {
            **thing,
            "location": SHERIFF["location"],
            "mobilisation_minutes": 60,
            "hourly_rate": {"amount": rate, "currency": "USD"},
        },
        quantity,
    )
    for thing, rate, quantity in (
        ({"category": "vessel.dive_boat", "name": "Dive boat 2 (demo)", "tag": "DIVE-B2"}, "85.00", 1),
        ({"category": "vehicle.transport", "name": "Dive van (demo)", "tag": "DIVE-V1"}, "30.00", 1),
        (
            {
                "category": "equipment",
                "name": "Diver's kit (demo)",
                "tag": "DIVE-K",
                "capacity": 6,
                "crew": [{"role": "Diver", "quantity": 1}],
            },
            "20.00",
            4,
        ),
    )
)
"""What a dive team goes out with: each thing, and how many of it."""

COMMAND_POST: dict[str, Any] = {
    "category": "vehicle.command_post",
    "name": "Mobile command post 1 (demo)",
    "description": "34 ft, six work stations, satellite uplink",
    "tag": "MCP-1",
    "location": SHERIFF["location"],
    "mobilisation_minutes": 90,
    "hourly_rate": {"amount": "110.00", "currency": "USD"},
    "home_base": "Sheriff's garage (demo)",
    "home_location": SHERIFF["location"],
    "service_area": {"counties": ["27053", "27003"], "within_km": 120},
    "identifiers": [
        {"kind": "vin", "value": "1M8GDM9AXKP042788"},
        {"kind": "call_sign", "value": "Command 1 (demo)", "public": True},
    ],
    "condition": "good",
    "crew": [{"role": "Driver", "quantity": 1}, {"role": "Operator", "quantity": 2, "provided_by": "requesting"}],
    "funding": ["shsp"],
}

FLEET = """Unit,Vehicle,Type,Lat,Lon
V-101,"Passenger van, 12 seats (demo)",van,45.19,-93.39
B-201,Patrol boat (demo),boat,45.21,-93.36
D-301,Thermal drone (demo),drone,45.19,-93.39
v-101,The same unit a second time (demo),van,45.19,-93.39
"""
PEOPLE: list[dict[str, Any]] = [
    {
        "display_name": "Deputy Example (demo)",
        "tag": "P-01",
        "capabilities": [
            {
                "capability": "language.hmn",
                "tested": {"level": "3", "tested_on": "2026-02-10", "tested_by": "Language programme (demo)"},
            }
        ],
    },
    {
        "display_name": "Sergeant Example (demo)",
        "tag": "P-02",
        "capabilities": [{"capability": "language.hmn", "self_reported_level": "3+"}],
    },
]


HANDLER: dict[str, Any] = {"display_name": "Handler Example (demo)", "tag": "P-03"}


def team_certificate(today: date, handler_id: str) -> dict[str, Any]:
    """Of handler and dog together, for a year, as certifying bodies give it."""
    return {
        "discipline": "k9.narcotics",
        "issuer": "NPCA",
        "number": "DEMO-0004",
        "issued_on": str(today - timedelta(days=90)),
        "expires_on": str(today + timedelta(days=275)),
        "handler_id": handler_id,
    }


def k9_team(today: date) -> dict[str, Any]:
    """A narcotics dog and its handler, with a certification that is valid beyond the end of the story."""
    certified = {
        "issuer": "Certifying body (demo)",
        "number": "D-0004",
        "issued_on": str(today - timedelta(days=270)),
        "expires_on": str(today + timedelta(days=365)),
    }
    return {
        "category": "k9.narcotics",
        "name": "K-9 team 4 (demo)",
        "description": "Narcotics detection dog and handler, single purpose, vehicle and parcel searches",
        "tag": "K9-4",
        "type_level": 2,
        "location": SHERIFF["location"],
        "mobilisation_minutes": 45,
        "hourly_rate": {"amount": "68.00", "currency": "USD"},
        "certifications": [{"code": "narcotics_team", **certified}],
    }
