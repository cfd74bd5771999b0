"""Whether somebody signed in recently and strongly enough for an act that binds an agency (RFC 9470).

Only where the issuer's description asks for it: not every provider says when and how somebody signed in.
"""

from datetime import datetime, timedelta

from registry.platform.access.principals import Principal
from registry.platform.kernel.errors import InsufficientAuthentication

AHEAD = timedelta(minutes=5)
"""How far the issuer's clock may be ahead; a sign-in later than that has not happened."""


def check_step_up(who: Principal, now: datetime) -> None:
    """Raises InsufficientAuthentication when the sign-in is older or weaker than the issuer asks for such acts."""
    asked = who.step_up
    if asked is None:
        return
    weak = bool(asked.acr_values) and set(asked.acr_values).isdisjoint(who.acr)
    if not weak and (asked.max_age_seconds is None or _is_recent(who.auth_time, now, asked.max_age_seconds)):
        return
    parts = []
    if asked.max_age_seconds is not None:
        parts.append(f"a sign-in of the last {asked.max_age_seconds} s")
    if asked.acr_values:
        parts.append(f"one of the ways {', '.join(asked.acr_values)}")
    raise InsufficientAuthentication(
        f"This act needs {' and '.join(parts)}. Sign in again, and repeat the request with the new token.",
        max_age_seconds=asked.max_age_seconds,
        acr_values=asked.acr_values,
    )


def _is_recent(signed_in_at: datetime | None, now: datetime, max_age_seconds: int) -> bool:
    if signed_in_at is None or signed_in_at > now + AHEAD:
        return False
    return now - signed_in_at <= timedelta(seconds=max_age_seconds)
