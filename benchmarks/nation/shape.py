"""How much of a nation there is, and the instant at which everything is drawn."""

from datetime import UTC, date, datetime, time

from msgspec import Struct

from benchmarks.agreements.data import Shape

SEED = 18


class Size(Struct, kw_only=True, frozen=True):
    """How many of what; loans are about so many, since an asset has them one after the other."""

    agencies: int = 18_000
    assets: int = 1_000_000
    people: int = 800_000
    agreements: int = 20_000
    loans: int = 2_000_000

    @classmethod
    def of(cls, scale: float) -> "Size":
        """That share of the nation, of which there is one of everything at least."""
        whole = cls()
        counts = {name: max(round(getattr(whole, name) * scale), 12) for name in whole.__struct_fields__}
        return cls(**counts)

    def agreement_shape(self, day: date) -> Shape:
        """What the agreements are drawn by: first signed from ten years before the day until the year before it."""
        wide = max(self.agreements // 1_000, 1)
        return Shape(
            agencies=self.agencies,
            agreements=self.agreements,
            wide=wide,
            wide_parties=max(self.agencies // 20, 2),
            first_year=day.year - 11,
            last_year=day.year - 1,
        )


def drawn_at(day: date) -> datetime:
    """The instant that is now in what is drawn for a day: the same all day long."""
    return datetime.combine(day, time(0), UTC)
