"""How far the fan-out has come, for each stream and subject that it was ever sent to."""

import sqlalchemy as sa

from registry.platform.database.types import Instant, table

fan_out_cursor = table(
    "fan_out_cursor",
    sa.Column("target", sa.Text, primary_key=True),
    sa.Column("after_seq", sa.BigInteger, nullable=False),
    sa.Column("moved_at", Instant, nullable=False),
    sa.CheckConstraint("after_seq >= -1", name="after_seq"),
)
"""`after_seq` is the place in the ledger up to which events were acknowledged by the stream, -1 before the first.

It moves after the acknowledgements, in a transaction of its own: a process that ends in between sends some again under
the same ids, by which the stream leaves them aside.
"""
