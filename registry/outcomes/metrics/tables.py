"""What was counted of each request and loan, its sums by day, month and year, and how far the ledger was followed."""

import sqlalchemy as sa

from registry.platform.database.types import Civil, Json, Uuid, table

metric_cursor = table(
    "metric_cursor",
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.CheckConstraint("id = 1", name="one"),
)
"""The place of the last sealed event that was followed, -1 before the first; it moves in one transaction with the sums.
"""

metric_fact = table(
    "metric_fact",
    sa.Column("owner_id", Uuid, primary_key=True),
    sa.Column("counted", Json, nullable=False),
)
"""What a request with its lines and decisions, or a loan with its obligations, adds to which sums at present.

Once it is corrected, this is taken off before what it adds then is put on: so a correction moves what it adds to the
day to which that belongs.
"""

metric_day = table(
    "metric_day",
    sa.Column("metric", sa.Text, primary_key=True),
    sa.Column("day", Civil, primary_key=True),
    sa.Column("agreement_id", Uuid, primary_key=True),
    sa.Column("requesting_agency_id", Uuid, primary_key=True),
    sa.Column("assisting_agency_id", Uuid, primary_key=True),
    sa.Column("category", sa.Text, primary_key=True),
    sa.Column("purpose", sa.Text, primary_key=True),
    sa.Column("part", sa.Text, primary_key=True),
    sa.Column("bucket", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("numerator", sa.BigInteger, nullable=False),
    sa.Column("denominator", sa.BigInteger, nullable=False),
    sa.Column("n", sa.BigInteger, nullable=False),
    sa.Index("ix_metric_day_requesting", "requesting_agency_id", "day"),
    sa.Index("ix_metric_day_assisting", "assisting_agency_id", "day"),
)
"""The sums of a day of UTC, in millionths, so that they are the same in whatever order they were added up.

`part` is empty for the metric itself, `observed` for the bucket of a duration, `once …` for what counts once,
`not before …` for what is still to be done and counts once that instant is over, and else the code of a further figure.
"""

metric_period = table(
    "metric_period",
    sa.Column("agency_id", Uuid, primary_key=True),
    sa.Column("grain", sa.Text, primary_key=True),
    sa.Column("starts_on", Civil, primary_key=True),
    sa.Column("metric", sa.Text, primary_key=True),
    sa.Column("part", sa.Text, primary_key=True),
    sa.Column("bucket", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("numerator", sa.BigInteger, nullable=False),
    sa.Column("denominator", sa.BigInteger, nullable=False),
    sa.Column("n", sa.BigInteger, nullable=False),
    sa.CheckConstraint("grain IN ('month', 'year')", name="grain"),
)
"""The same sums of a whole month or year of UTC for one agency, whatever its partners, agreements and categories.

They are as that agency counts them: of what others gave it, it received. A long time is summed from these, and its
edges from days.
"""
