"""The time zone of an agency: that of its point, else of its state if the whole state has one time.

In fourteen states counties have different times, so that the state alone is not enough; nor is the record of a federal
agency without a point. Such an agency's time zone must be entered by a person.
"""

from typing import Final

import tzfpy

# Border towns that use a neighbour's time by custom are ignored; legally the state's time applies.
_OF_STATES: Final = {
    "America/New_York": "CT DC DE GA MA MD ME NC NH NJ NY OH PA RI SC VA VT WV",
    "America/Chicago": "AL AR IA IL LA MN MO MS OK WI",
    "America/Denver": "CO MT NM UT WY",
    "America/Phoenix": "AZ",
    "America/Los_Angeles": "CA WA",
    "Pacific/Honolulu": "HI",
    "America/Puerto_Rico": "PR",
    "America/St_Thomas": "VI",
    "Pacific/Guam": "GU",
    "Pacific/Saipan": "MP",
    "Pacific/Pago_Pago": "AS",
}
_OF_STATE: Final = {state: zone for zone, states in _OF_STATES.items() for state in states.split()}


def zone_of(point: tuple[float, float] | None, state: str | None) -> str | None:
    """The IANA time zone of an agency at `point` (latitude, longitude), else in `state`; None when it is ambiguous."""
    if point is not None:
        latitude, longitude = point
        zone = tzfpy.get_tz(longitude, latitude)
        if zone and not zone.startswith("Etc/"):  # at sea the zones follow the meridians, and are no civil time
            return zone
    return None if state is None else _OF_STATE.get(state)
