"""Bodies, query parameters and cursors are read strictly: what is not plainly meant is refused, never guessed."""

from contextlib import nullcontext
from datetime import UTC, date, datetime
from enum import StrEnum
from types import SimpleNamespace
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest
import sqlalchemy as sa
from litestar import Litestar, Response, post
from litestar.params import JSONBody
from msgspec import Meta, Struct

from registry.platform.http.links import next_link
from registry.platform.http.paging import (
    Ids,
    Orders,
    Page,
    bind,
    check_ranges,
    cut,
    decode_cursor,
    encode_cursor,
    given,
    ranges_of,
    sorts_of,
    unbind,
)
from registry.platform.http.problems import on_error
from registry.platform.http.requests import StrictRequest, read_query, refuse_other_media
from registry.platform.http.searching import place_parameters, search_words
from registry.platform.kernel.errors import DomainError, Malformed, RuleBroken, UnsupportedMediaType
from registry.platform.kernel.time import CivilDate, Instant
from registry.platform.kernel.words import Phrase, Sought
from tests.support.wire import asgi_request


class Colour(StrEnum):
    RED = "red"


class Query(Struct, kw_only=True, frozen=True):
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    since: Instant | None = None
    name: str | None = None
    colour: Colour | None = None
    thing: UUID | None = None
    open: bool | None = None
    km: Annotated[float, Meta(gt=0, le=500)] | None = None


class Chosen(Struct, kw_only=True, frozen=True):
    ids: Ids = ()


class Needs(Struct, kw_only=True, frozen=True):
    thing: UUID
    level: Annotated[str, Meta(pattern=r"\A[0-9+]+\Z", extra={"form": "a level"})] | None = None


def query(text: str, kind: Any = Query) -> Any:
    return read_query({"query_string": text.encode()}, kind)


def test_parameters_take_their_types() -> None:
    read = query("limit=7&since=2026-07-04T18:00:00Z&name=a+b&colour=red&open=true&km=1.5")
    assert read == Query(
        limit=7, since=datetime(2026, 7, 4, 18, tzinfo=UTC), name="a b", colour=Colour.RED, open=True, km=1.5
    )
    assert query("") == Query()


@pytest.mark.parametrize("value", ["0", "1700000000", "2026-07-04", "2026-07-04T18:00:00", "now", "", "null", "None"])
def test_an_instant_is_an_instant_with_an_offset(value: str) -> None:
    with pytest.raises(Malformed):
        query(f"since={value}")


Stated = Annotated[dict[str, Annotated[str, Meta(max_length=5)]], Meta(max_length=2, extra={"prefix": "attr."})]


class Families(Struct, kw_only=True, frozen=True):
    limit: int = 50
    colours: tuple[Colour, ...] = ()
    stated: Annotated[
        dict[str, Annotated[str, Meta(max_length=5)]], Meta(max_length=2, extra={"prefix": "attr."})
    ] = {}  # msgspec copies it


def test_parameters_of_a_family_have_names_that_the_caller_completes() -> None:
    assert query("attr.seats_from=8&limit=3&attr.breed=a+b", Families) == Families(
        limit=3, stated={"seats_from": "8", "breed": "a b"}
    )


@pytest.mark.parametrize(
    ("text", "code", "parameter"),
    [
        ("attr.a=1&attr.a=1", "repeated_parameter", "attr.a"),
        ("attr.a=longer", "invalid_parameter", "attr.a"),
        ("attr.a=1&attr.b=1&attr.c=1", "invalid_parameter", "attr."),
        ("attr.a=%00", "nul_in_text", "attr.a"),
        ("stated=1", "unknown_parameter", "stated"),
        ("attrib.a=1", "unknown_parameter", "attrib.a"),
    ],
)
def test_a_parameter_of_a_family_is_refused_by_its_own_name(text: str, code: str, parameter: str) -> None:
    with pytest.raises(Malformed) as refused:
        query(text, Families)
    assert (refused.value.code, refused.value.faults[0].parameter) == (code, parameter)


def test_values_of_an_enumeration_may_be_listed_with_commas() -> None:
    assert query("colours=red,red", Families).colours == query("colours=red&colours=red", Families).colours


def test_ids_may_be_listed_with_commas_and_too_many_are_told_the_limit() -> None:
    ids = [UUID(int=n) for n in range(101)]
    assert query(f"ids={','.join(map(str, ids[:100]))}", Chosen).ids == tuple(ids[:100])
    with pytest.raises(Malformed, match="a list of at most 100 items"):
        query(f"ids={','.join(map(str, ids))}", Chosen)


def test_an_offset_whose_plus_is_not_escaped_is_answered_with_how_to_write_it() -> None:
    with pytest.raises(Malformed, match="write %2B instead of") as raised:
        query("since=2026-07-04T18:00:00+00:00")
    assert raised.value.code == "unescaped_plus"
    east = datetime(2026, 7, 4, 16, tzinfo=UTC)
    assert query("since=2026-07-04T18:00:00%2B02:00") == Query(since=east)


def test_a_plus_is_named_wherever_it_made_a_value_wrong() -> None:
    with pytest.raises(Malformed) as raised:
        query("level=3+", Needs)
    assert {fault.parameter: fault.code for fault in raised.value.faults} == {
        "thing": "missing_parameter",
        "level": "unescaped_plus",
    }
    assert "a + in a URL stands for a blank: write %2B" in raised.value.faults[1].detail
    with pytest.raises(Malformed) as raised:
        query("level=3-", Needs)
    assert raised.value.faults[1].code == "invalid_parameter"


@pytest.mark.parametrize("name", ["since", "colour", "thing", "open", "limit", "km"])
def test_null_is_no_way_to_ask_for_everything(name: str) -> None:
    with pytest.raises(Malformed):
        query(f"{name}=null")


@pytest.mark.parametrize(("text", "allowed"), [("colour=blue", "must be red"), ("since=now", "an instant")])
def test_null_is_not_said_to_be_allowed_in_a_query(text: str, allowed: str) -> None:
    with pytest.raises(Malformed, match=allowed) as refused:
        query(text)
    assert "null" not in refused.value.detail + refused.value.faults[0].detail


def test_a_word_may_be_null() -> None:
    assert query("name=null").name == "null"


@pytest.mark.parametrize("value", ["1e1", "%D9%A1", "+1", " 1", "1_0", "0x1", "1.0", "01", "", "true", "9" * 30])
def test_a_whole_number_is_digits_only(value: str) -> None:
    with pytest.raises(Malformed) as refused:
        query(f"limit={value}")
    assert refused.value.faults[0].parameter == "limit"


@pytest.mark.parametrize("value", ["nan", "inf", "1e999", "-1", "1_0", "%D9%A1", "1,5", ""])
def test_a_decimal_is_finite_and_in_bounds(value: str) -> None:
    with pytest.raises(Malformed):
        query(f"km={value}")


@pytest.mark.parametrize("text", ["limit=1&limit=2", "limits=1", "limit[]=1", "%6Cimit=1&limit=1", "=", "name=%FF"])
def test_unknown_and_repeated_parameters_are_refused(text: str) -> None:
    with pytest.raises(Malformed):
        query(text)


def test_a_trailing_or_doubled_ampersand_says_nothing() -> None:
    assert query("limit=7&") == query("&limit=7") == query("&&limit=7") == Query(limit=7)
    assert query("limit=7&&name=x") == Query(limit=7, name="x")
    assert query("&") == Query()
    assert query("&", None) is None


def test_an_operation_without_parameters_takes_none() -> None:
    assert query("", None) is None
    with pytest.raises(Malformed):
        query("x=1", None)


def test_a_required_parameter_is_named_when_it_is_missing() -> None:
    for text in ("", "level=3"):
        with pytest.raises(Malformed) as refused:
            query(text, Needs)
        assert (refused.value.code, refused.value.faults[0].parameter) == ("missing_parameter", "thing")


def test_words_are_looked_for_in_the_form_they_are_stored_in() -> None:
    assert query("name=e%CC%81cole").name == "école"


class Free(Struct, kw_only=True, forbid_unknown_fields=True):
    values: dict[str, Any]
    n: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0


def strict_app() -> Litestar:
    @post("/free", status_code=200)
    async def take(data: JSONBody[Free]) -> Response[bytes]:
        return Response(msgspec.json.encode(data), media_type="application/json")

    handlers: Any = {DomainError: on_error, Exception: on_error}
    return Litestar([take], request_class=StrictRequest, exception_handlers=handlers, openapi_config=None)


@pytest.mark.parametrize(
    "body",
    [b'{"values": {"a": ' + b"[" * depth + b"]" * depth + b"}}" for depth in (400, 700, 900, 980, 5_000, 100_000)],
    ids=lambda body: str(len(body)),
)
async def test_depth_is_read_or_refused_and_never_a_fault(body: bytes) -> None:
    status, _ = await asgi_request(strict_app(), "POST", "/free", body)
    assert status in (200, 400)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (rb'{"values": {"a": "x\u0000y"}}', "nul_in_text"),
        (rb'{"values": {"a\u0000": 1}}', "nul_in_text"),
        (rb'{"values": {"a": [{"b": ["\u0000"]}]}}', "nul_in_text"),
        ('{"values": {"a": "e\u0301"}}'.encode(), "not_nfc"),
        (b'{"values": {"a": "\xff"}}', "malformed_json"),
        (rb'{"values": {"a": "\ud800"}}', "malformed_json"),
        (b'{"values": {}, "n": "1"}', "invalid_body"),
        (b'{"values": {}, "n": true}', "invalid_body"),
        (b'{"values": {}, "n": 1.5}', "invalid_body"),
        (b'{"values": {}, "n": 1e30}', "invalid_body"),
        (b'{"values": {}, "m": 1}', "unknown_field"),
    ],
)
async def test_free_form_values_are_searched_for_what_databases_refuse(body: bytes, code: str) -> None:
    status, answer = await asgi_request(strict_app(), "POST", "/free", body)
    assert (status, msgspec.json.decode(answer)["code"]) == (422 if code == "not_nfc" else 400, code)


@pytest.mark.parametrize(("encoding", "refused"), [("gzip", True), ("identity, br", True), ("identity", False)])
def test_a_compressed_body_is_refused_by_the_name_of_its_encoding(encoding: str, refused: bool) -> None:
    for takes in ((), ("application/octet-stream",)):
        media = (b"content-type", (takes or ("application/json",))[0].encode())
        scope: Any = {"method": "POST", "headers": [media, (b"content-encoding", encoding.encode())]}
        scope["route_handler"] = SimpleNamespace(opt={"takes": takes})
        with pytest.raises(UnsupportedMediaType, match=encoding) if refused else nullcontext():
            refuse_other_media(scope)


async def test_an_integer_may_be_written_as_a_decimal() -> None:
    status, answer = await asgi_request(strict_app(), "POST", "/free", b'{"values": {"x": 1.5}, "n": 158.0}')
    assert (status, msgspec.json.decode(answer)) == (200, {"values": {"x": 1.5}, "n": 158})


async def test_an_error_names_the_place_and_does_not_echo_the_request() -> None:
    body = b'{"values": {}, "' + b"x" * 5_000 + b'": 1}'
    _, answer = await asgi_request(strict_app(), "POST", "/free", body)
    assert len(answer) < 1_000


KEY = (UUID(int=7), datetime(2026, 7, 4, 18, tzinfo=UTC), "name", 3, 1.5)
KINDS = (UUID, datetime, str, int, float)


def test_a_cursor_gives_back_the_key_it_was_made_of() -> None:
    assert decode_cursor(encode_cursor(KEY), KINDS) == KEY


def test_a_damaged_cursor_is_refused() -> None:
    genuine = encode_cursor(KEY)
    for at in range(0, len(genuine), 4):
        with pytest.raises(RuleBroken):
            decode_cursor(genuine[:at] + "____" + genuine[at + 4 :], KINDS)


@pytest.mark.parametrize(
    "key",
    [
        ("x", *KEY[1:]),
        (KEY[0], "2026-07-04T18:00:00", *KEY[2:]),
        (KEY[0], 0, *KEY[2:]),
        (KEY[0], "0001-01-01T00:00:00+14:00", *KEY[2:]),
        (*KEY[:2], "a\x00b", *KEY[3:]),
        (*KEY[:3], 2**63, 1.5),
        (*KEY[:3], "3", 1.5),
        KEY[:4],
        (*KEY, 1),
        (None,) * 5,
    ],
    ids=[
        "id",
        "naive",
        "number for a time",
        "before all time",
        "NUL",
        "beyond the column",
        "text for a number",
        "short",
        "long",
        "nulls",
    ],
)
def test_a_forged_cursor_cannot_reach_the_database(key: tuple[object, ...]) -> None:
    with pytest.raises(RuleBroken):
        decode_cursor(encode_cursor(key), KINDS)


@pytest.mark.parametrize("cursor", ["bnVsbA", "W10", "e30", "W1tdXQ", "____", "A", "W" * 499, "Ww"])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(RuleBroken):
        decode_cursor(cursor, (UUID,))


def test_a_page_is_cut_where_there_is_more() -> None:
    rows = [UUID(int=n) for n in range(4)]
    assert cut(rows, 4, lambda row: (row,)) == (rows, None)
    kept, cursor = cut(rows, 3, lambda row: (row,))
    assert kept == rows[:3]
    assert cursor is not None
    assert decode_cursor(cursor, (UUID,)) == (rows[2],)


class Listed(Page, kw_only=True, frozen=True):
    name: str | None = None
    sort: Literal["-created_at", "created_at"] = "-created_at"


class Found(Struct, kw_only=True, frozen=True):
    items: list[int]
    next_cursor: str | None


def test_a_cursor_is_good_for_the_list_the_filters_and_the_order_it_was_given_for() -> None:
    asked = Listed(name="a", limit=2)
    cursor = bind(Found(items=[1, 2], next_cursor=encode_cursor(KEY)), "/v1/things", asked).next_cursor
    following = Listed(name="a", limit=100, cursor=cursor)
    assert unbind("/v1/things", following).cursor == encode_cursor(KEY)
    for path, other in (
        ("/v1/others", following),
        ("/v1/things", Listed(name="b", cursor=cursor)),
        ("/v1/things", Listed(cursor=cursor)),
        ("/v1/things", Listed(name="a", sort="created_at", cursor=cursor)),
        ("/v1/things", Listed(name="a", cursor=encode_cursor(KEY))),
        ("/v1/things", Listed(name="a", cursor="____")),
    ):
        with pytest.raises(RuleBroken) as refused:
            unbind(path, other)
        assert refused.value.code == "bad_cursor"


def test_a_last_page_has_no_cursor_to_bind() -> None:
    last = Found(items=[1], next_cursor=None)
    assert bind(last, "/v1/things", Listed()) is last
    assert unbind("/v1/things", Listed()) == Listed()


class Ranged(Page, kw_only=True, frozen=True):
    name: str | None = None
    created_from: Instant | None = None
    created_to: Instant | None = None
    due_from: CivilDate | None = None
    due_to: CivilDate | None = None
    colour: tuple[Colour, ...] = ()


def test_what_is_not_asked_for_is_no_filter() -> None:
    noon = datetime(2026, 7, 4, 12, tzinfo=UTC)
    names = ("name", "created_from", "created_to", "colour")
    assert given(Ranged(), *names) == {}
    assert given(Ranged(created_from=noon, colour=(Colour.RED,)), *names) == {
        "created_from": noon,
        "colour": (Colour.RED,),
    }
    with pytest.raises(RuleBroken):
        given(Ranged(created_from=datetime(1066, 10, 14, tzinfo=UTC)), *names)


def test_a_range_of_days_includes_its_last_day_and_one_of_instants_ends_before_its_end() -> None:
    day, before, noon = date(2026, 7, 4), date(2026, 7, 3), datetime(2026, 7, 4, 12, tzinfo=UTC)
    for whole in (Ranged(), Ranged(due_from=day), Ranged(due_to=day), Ranged(due_from=day, due_to=day)):
        check_ranges(whole)
    for nothing, parameter in (
        (Ranged(due_from=day, due_to=before), "due_to"),
        (Ranged(created_from=noon, created_to=noon), "created_to"),
    ):
        with pytest.raises(RuleBroken) as refused:
            check_ranges(nothing)
        assert (refused.value.code, refused.value.faults[0].parameter) == ("range_reversed", parameter)


class Windowed(Struct, kw_only=True, frozen=True):
    from_: Instant | None = msgspec.field(name="from", default=None)
    to: Instant | None = None
    available_from: Instant | None = None
    available_to: Instant | None = None


def test_a_window_that_is_asked_about_is_a_range_whatever_its_ends_are_called() -> None:
    assert ranges_of(Windowed) == (("from", "to"), ("available_from", "available_to"))
    for ends in ("from={}&to={}", "available_from={}&available_to={}"):
        check_ranges(query(ends.format("2026-07-04T12:00:00Z", "2026-07-04T12:00:01Z"), Windowed))
        with pytest.raises(RuleBroken) as refused:
            check_ranges(query(ends.format("2026-07-04T12:00:00Z", "2026-07-04T12:00:00Z"), Windowed))
        assert refused.value.code == "range_reversed"
        assert refused.value.faults[0].parameter == ends.split("=")[1].removeprefix("{}&")


def test_a_parameter_of_several_values_is_given_several_times() -> None:
    assert query("colour=red&colour=red", Ranged).colour == (Colour.RED, Colour.RED)
    assert query("colour=red", Ranged).colour == (Colour.RED,)
    with pytest.raises(Malformed) as refused:
        query("colour=red&colour=green", Ranged)
    assert refused.value.faults[0].parameter == "colour"


def test_an_order_that_the_list_does_not_offer_is_refused_at_start() -> None:
    assert sorts_of(Listed) == ("-created_at", "created_at")
    with pytest.raises(TypeError, match="not by"):
        Orders(Listed, name=sa.column("name"))


def test_the_next_page_asks_the_same_question() -> None:
    assert next_link("/v1/assets?q=a+b&cursor=old&limit=2", "new") == "/v1/assets?q=a+b&limit=2&cursor=new"
    assert next_link("/v1/assets", "new") == "/v1/assets?cursor=new"
    assert next_link("/v1/assets?q=a", None) is None


def test_words_to_look_for_are_stems_beginnings_and_phrases() -> None:
    assert search_words("Narcotics K-9 TEAMS team*") == Sought(stems=("narcot", "k9", "team"), beginnings=("team",))
    assert search_words('"ninety days" “ninety days” "recalls"') == Sought(
        stems=("recal",), phrases=(Phrase(wholes=("nineti", "day"), parts=("nineti", "day")),)
    )
    assert search_words('"K-9"').phrases == (Phrase(wholes=("k9",), parts=("k", "9")),)
    for text in ("Portland OR", "do not transfer", "and/or", "recall - notice", "self-dispatch", "whose?", "AND so"):
        assert search_words(text).stems, text


@pytest.mark.parametrize(
    "text",
    ["dog OR cat", "dog AND cat", "dog NOT cat", "NOT cat", "dog -cat", "d*g", "*og", "d?g", '"ninety days', '"nine*"'],
)
def test_what_other_searches_understand_is_refused_rather_than_looked_for(text: str) -> None:
    with pytest.raises(RuleBroken) as refused:
        search_words(text)
    assert refused.value.code == "search_not_supported"


def test_words_to_look_for_are_one_to_sixteen() -> None:
    assert len(search_words(" ".join(f"w{n}" for n in range(16)))) == 16
    for text in ("", "  ", "!?", "*", " ".join(f"w{n}" for n in range(17))):
        with pytest.raises(RuleBroken):
            search_words(text)


def test_half_a_place_is_refused() -> None:
    assert place_parameters("sqlite", None, None, None) == {}
    for place in ((1.0, None, None), (1.0, 1.0, None), (None, None, 5.0), (None, 1.0, 5.0)):
        with pytest.raises(RuleBroken):
            place_parameters("sqlite", *place)
