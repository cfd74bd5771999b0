"""The states and territories as lists write them out, with their postal codes."""

from difflib import get_close_matches
from typing import Final

from registry.agreements.tracker.cells import CellRefused, quoted

_NAMES: Final = (
    "AL ALABAMA, AK ALASKA, AZ ARIZONA, AR ARKANSAS, CA CALIFORNIA, CO COLORADO, CT CONNECTICUT, DE DELAWARE, "
    "FL FLORIDA, GA GEORGIA, HI HAWAII, ID IDAHO, IL ILLINOIS, IN INDIANA, IA IOWA, KS KANSAS, KY KENTUCKY, "
    "LA LOUISIANA, ME MAINE, MD MARYLAND, MA MASSACHUSETTS, MI MICHIGAN, MN MINNESOTA, MS MISSISSIPPI, MO MISSOURI, "
    "MT MONTANA, NE NEBRASKA, NV NEVADA, NH NEW HAMPSHIRE, NJ NEW JERSEY, NM NEW MEXICO, NY NEW YORK, "
    "NC NORTH CAROLINA, ND NORTH DAKOTA, OH OHIO, OK OKLAHOMA, OR OREGON, PA PENNSYLVANIA, RI RHODE ISLAND, "
    "SC SOUTH CAROLINA, SD SOUTH DAKOTA, TN TENNESSEE, TX TEXAS, UT UTAH, VT VERMONT, VA VIRGINIA, WA WASHINGTON, "
    "WV WEST VIRGINIA, WI WISCONSIN, WY WYOMING, DC DISTRICT OF COLUMBIA, AS AMERICAN SAMOA, GU GUAM, "
    "MP NORTHERN MARIANA ISLANDS, PR PUERTO RICO, VI VIRGIN ISLANDS"
)
CODES: Final = {name[3:]: name[:2] for name in _NAMES.split(", ")}


NAMES: Final = {code: name for name, code in CODES.items()}


def code_of(written: str) -> str:
    """The postal code of a state that is written out in capitals or as its code. Raises CellRefused: never corrects."""
    if written in CODES.values():
        return written
    try:
        return CODES[written]
    except KeyError:
        near = get_close_matches(written.upper(), CODES, n=1)
        advice = f" Is {near[0]} meant?" if near else ""
        raise CellRefused("state_unknown", f"{quoted(written)} is not a state as lists write it.{advice}") from None
