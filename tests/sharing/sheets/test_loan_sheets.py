"""The hand-over sheet: whole, readable by ear, printed in black, and nothing in it that anybody's words could make."""

import re
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from uuid import uuid4

import httpx
import pytest
from msgspec.structs import replace
from pypdf import PdfReader

from registry.platform.access.principals import Role
from registry.platform.http.links import absolute
from registry.platform.kernel.time import shown_on_clock
from registry.platform.print.pdf import is_installed
from registry.sharing.sheets import routes
from registry.sharing.sheets.page import SHEET_STYLE
from registry.sharing.sheets.rules import NAMES_NOT_ASKED, NAMES_NOT_READ, NAMES_OVER, TERM_RESTRICTED
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import LONG_AHEAD, Agency, Cast
from tests.support.codes import read_code
from tests.support.html import VOID, HtmlPage
from tests.support.loans import CONDITION, Partners, make_loan, make_partners, step
from tests.support.personnel import enter_person
from tests.support.problems import assert_problem
from tests.support.service import Caller

HOSTILE = (
    """</p><script>alert(1)</script> "q" & 'x' <img src=x onerror=alert(1)> {style} #read("/etc/passwd") *b* $x$"""
)
printed = pytest.mark.skipif(not is_installed(), reason="the engine is optional")
SECTIONS = (
    *("The loan", "From whom to whom", "What is lent", "Who goes along", "Accessories", "When and where"),
    *(
        "The agreement",
        "Conditions and obligations",
        "Condition",
        "Readings",
        "Pictures and papers",
        "Signatures",
        "What is withheld",
        "Notes",
    ),
)


async def page_of(reader: Caller, loan: dict[str, Any], asked: str = "") -> HtmlPage:
    response = await reader.get(f"/v1/loans/{loan['id']}/sheet.html{asked}")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return HtmlPage(response.text)


def rows(page: HtmlPage, caption: str) -> list[str]:
    """The texts of the cells of the table with that caption, in one list."""
    at = next(n for n, each in enumerate(page.elements) if each.tag == "caption" and each.text == caption)
    ends = next((n for n, each in enumerate(page.elements[at + 1 :], at + 1) if each.tag == "caption"), None)
    return [each.text for each in page.elements[at:ends] if each.tag in ("td", "th")]


async def dog_with_handler(owner: Agency) -> tuple[dict[str, Any], dict[str, Any]]:
    dog = await make_asset(owner, certifications=[], crew=[{"role": "Handler"}])
    handler = await enter_person(owner, display_name="Ingrid Unsaid (demo)", title="Canine deputy")
    certificate = {
        "discipline": "k9.narcotics",
        "issuer": "NPCA",
        "number": f"DEMO-{uuid4().hex[:6]}",
        "issued_on": "2026-01-15",
        "expires_on": str(LONG_AHEAD),
        "handler_id": handler["id"],
    }
    await owner.admin.done("POST", f"/v1/assets/{dog['id']}/certificates", certificate)
    return dog, handler


async def test_the_page_says_all_and_is_readable_by_ear(partners: Partners) -> None:
    asset = await make_asset(
        partners.assisting, identifiers=[{"kind": "call_sign", "value": "K9 seven (demo)", "public": False}]
    )
    loan = await step(partners.requesting, await make_loan(partners, "dispatched", asset=asset), "receive")
    page = await page_of(partners.requesting.coordinator, loan)
    assert page.one("html").attributes == {"lang": "en"}
    assert [each.text for each in page.all("h2")] == list(SECTIONS)
    assert page.one("h1").text == page.one("title").text == f"Hand-over sheet: {asset['name']} ({asset['tag']})"
    assert {each.attributes["scope"] for each in page.all("th")} == {"col", "row"}
    assert all(each.text for each in page.all("th")), "no head of a row or column is empty"
    assert len(page.all("caption")) == len(page.all("table"))
    ids = [each.attributes["id"] for each in page.elements if "id" in each.attributes]
    assert len(ids) == len(set(ids))
    assert not page.all("script", "img", "link", "iframe", "form", "input")
    assert not [name for each in page.elements for name in each.attributes if name.startswith("on") or name == "style"]
    text = page.one("main").text
    assert "America/Chicago" in text
    for said in (
        *(loan["id"], partners.assisting.name, partners.requesting.name, asset["tag"], "K9 seven (demo)"),
        *(partners.agreement["number"], "version 1", "narcotics investigation", "Fleet sergeant", "48210 mi"),
    ):
        assert said in text, said
    assert rows(page, "Meter readings")[5:10] == ["odometer", "48210 mi", "", "", ""], "the rest is for the pen"
    signatures = rows(page, "Signatures at both ends")
    ends = [
        f"{end}: {each.name}" for end in ("Hand-over", "Return") for each in (partners.assisting, partners.requesting)
    ]
    assert [each for each in signatures if ": " in each] == ends
    assert signatures[:6] == ["For", "Name", "Title", "Date", "Time", "Signature"]


async def test_times_are_those_of_the_agreements_zone(partners: Partners) -> None:
    loan = await make_loan(partners)
    text = (await page_of(partners.assisting.coordinator, loan)).one("main").text
    assert re.search(r"From: \d{4}-\d\d-\d\d \d\d:\d\d \(UTC-0[56]:00\)", text)


def test_the_hour_that_clocks_show_twice_is_told_apart() -> None:
    first, second = (datetime(2099, 11, 1, hour, 30, tzinfo=UTC) for hour in (6, 7))
    assert shown_on_clock(first, "America/Chicago") == "2099-11-01 01:30 (UTC-05:00)"
    assert shown_on_clock(second, "America/Chicago") == "2099-11-01 01:30 (UTC-06:00)"


@pytest.mark.parametrize("public_url", ["", "https://registry.example"])
async def test_the_code_holds_the_address_of_the_loan(
    partners: Partners, public_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = partners.assisting.service
    state = service.edge.app.state
    monkeypatch.setitem(state._state, "settings", replace(state.settings, public_url=public_url))
    loan = await make_loan(partners)
    response = await partners.requesting.coordinator.get(f"/v1/loans/{loan['id']}/sheet.html")
    address = f"{public_url or 'http://registry.test'}/v1/loans/{loan['id']}"
    assert read_code(response.text) == address
    assert f"<code>{address}</code>" in response.text, "who cannot scan it can type it"


def test_an_address_for_paper_is_below_the_public_one() -> None:
    scope: dict[str, Any] = {"scheme": "http", "headers": [(b"host", b"[::1]:8000")]}
    assert absolute("https://registry.example/", scope, "/v1") == "https://registry.example/v1"
    assert absolute("", scope, "/v1") == "http://[::1]:8000/v1"


async def test_nobodys_words_become_markup(partners: Partners) -> None:
    asset = await make_asset(partners.assisting, name=HOSTILE, tag="<b>7</b>", attributes={})
    loan = await make_loan(partners, asset=asset)
    report = {"grade": "good", "note": HOSTILE, "readings": {HOSTILE[:60]: HOSTILE}, "signed_off_by_title": "Sergeant"}
    await step(partners.assisting, loan, "dispatch", report)
    page = await page_of(partners.requesting.coordinator, loan)
    assert page.one("h1").text == f"Hand-over sheet: {HOSTILE} (<b>7</b>)"
    assert not page.all("script", "img", "b")
    assert page.one("main").text.count("<script>") == 4
    assert rows(page, "Condition report")[15:20] == ["Remarks", HOSTILE, "", "", ""]
    assert {each.tag for each in page.elements} <= {
        *VOID,
        *("html", "head", "title", "style", "body", "header", "h1", "bdi", "div", "svg", "path", "p", "code", "main"),
        *("section", "h2", "ul", "li", "table", "caption", "thead", "tbody", "tr", "th", "td"),
    }


def test_it_is_printed_in_black_on_white() -> None:
    (in_print,) = re.findall(r"@media print\{\n:root\{([^}]+)\}", SHEET_STYLE)
    named = dict(re.findall(r"--([a-z-]+):(#[0-9a-f]{6})", in_print))
    everywhere = dict(re.findall(r"--([a-z-]+):(#[0-9a-f]{6})", SHEET_STYLE.partition("@media")[0]))
    assert named.keys() == everywhere.keys()
    assert set(named.values()) == {"#000000", "#ffffff"}


@printed
async def test_the_pdf_says_the_same_and_is_tagged(partners: Partners) -> None:
    dog, _ = await dog_with_handler(partners.assisting)
    loan = await step(partners.assisting, await make_loan(partners, asset=dog), "dispatch", CONDITION)
    path = f"/v1/loans/{loan['id']}/sheet.pdf"
    response = await partners.requesting.coordinator.get(path)
    assert response.headers["content-type"] == "application/pdf"
    assert f"loan-{loan['id']}.pdf" in response.headers["content-disposition"]
    reader = PdfReader(BytesIO(response.content))
    catalogue: Any = reader.trailer["/Root"]
    assert (catalogue["/MarkInfo"]["/Marked"], catalogue["/Lang"]) == (True, "en")
    text = " ".join("".join(each.extract_text() for each in reader.pages).split())
    for said in (*SECTIONS, partners.requesting.name, "America/Chicago", "48210 mi", "Fleet sergeant", dog["tag"]):
        assert said in text, said
    assert "Ingrid Unsaid" not in text


async def test_without_the_engine_the_page_is_named(partners: Partners, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "is_installed", lambda: False)
    loan = await make_loan(partners)
    refused = await partners.requesting.coordinator.get(f"/v1/loans/{loan['id']}/sheet.pdf")
    assert "sheet.html" in assert_problem(refused, 406, "pdf_not_installed")["detail"]


async def test_what_a_restricted_provision_says_is_withheld_from_everybodys_sheet(cast: Cast) -> None:
    rate = {"model": "fixed_rate", "rate_per_hour": {"amount": "61.50", "currency": "USD"}}
    provisions = [
        {"number": "1", "heading": "purpose", "text": "The parties help one another.", "sensitivity": "public"},
        {"number": "3", "heading": "liability", "text": "Each bears what it did."},
        {
            "number": "7",
            "heading": "reimbursement",
            "text": "An hour is paid with $61.50.",
            "sensitivity": "restricted",
            "exemption": "Minn. Stat. 13.37 (demo)",
        },
    ]
    terms = {
        "reimbursement": rate,
        "liability": "respective",
        "clauses": {"reimbursement": "7", "liability": "3"},
    }
    partners = await make_partners_with(cast, provisions, terms)
    loan = await make_loan(partners)
    for reader in (partners.assisting.legal, partners.requesting.coordinator, partners.requesting.auditor):
        page = await page_of(reader, loan)
        assert "61.50" not in page.one("main").text
        assert rows(page, "What is withheld, and why")[2:] == ["Reimbursement (clause 7)", TERM_RESTRICTED]
        said = rows(page, "Terms")
        assert said[said.index("Liability is borne by") :][:3] == [
            "Liability is borne by",
            "each agency for its own acts",
            "3",
        ]


async def make_partners_with(cast: Cast, provisions: list[dict[str, Any]], terms: dict[str, Any]) -> Partners:
    agreement = await sign_agreement(
        cast.assisting.service, cast.assisting, cast.requesting, terms=terms, provisions=provisions
    )
    return Partners(assisting=cast.assisting, requesting=cast.requesting, stranger=cast.stranger, agreement=agreement)


async def test_rates_that_both_may_read_stand_with_their_clause(cast: Cast) -> None:
    rate = {"model": "fixed_rate", "rate_per_hour": {"amount": "61.50", "currency": "USD"}}
    partners = await make_partners(cast, reimbursement=rate, clauses={"reimbursement": "4.2"}, recall_notice_hours=12)
    page = await page_of(partners.requesting.coordinator, await make_loan(partners))
    said = rows(page, "Terms")
    assert said[said.index("Reimbursement") :][:3] == ["Reimbursement", "61.50 USD an hour", "4.2"]
    assert said[said.index("Notice of a recall") :][:3] == ["Notice of a recall", "12 hours", "none named"]


async def test_who_goes_along_is_named_by_office_unless_asked_for_and_that_is_recorded(partners: Partners) -> None:
    dog, handler = await dog_with_handler(partners.assisting)
    loan = await make_loan(partners, asset=dog)
    asking, owner = partners.requesting, partners.assisting
    plain = await page_of(asking.coordinator, loan)
    assert "Ingrid Unsaid" not in plain.one("main").text
    assert rows(plain, "Crew, by office")[3:6] == ["Handler", "1", "the assisting agency"]
    assert rows(plain, "What is withheld, and why")[2:] == ["Names of the people who go along", NAMES_NOT_ASKED]
    unread = await page_of(asking.legal, loan, "?crew_names=true")
    assert NAMES_NOT_READ in rows(unread, "What is withheld, and why")
    response = await asking.coordinator.get(f"/v1/loans/{loan['id']}/sheet.html?crew_names=true")
    assert response.headers["cache-control"] == "no-store"
    assert "Canine deputy: Ingrid Unsaid (demo)" in response.text
    for side in (owner, asking):
        events = (await side.auditor.done("GET", "/v1/audit-events?type=personnel.name_read"))["items"]
        assert [each["data"]["personnel_id"] for each in events] == [handler["id"]], "the reading is on record"
    await step(asking, loan, "cancel")
    over = await page_of(asking.coordinator, loan, "?crew_names=true")
    assert NAMES_OVER in rows(over, "What is withheld, and why")


@pytest.mark.parametrize("form", ["html", "pdf"])
async def test_who_reads_the_loan_reads_its_sheet(partners: Partners, form: str) -> None:
    if form == "pdf" and not is_installed():
        pytest.skip("the engine is optional")
    loan = await make_loan(partners)
    path = f"/v1/loans/{loan['id']}/sheet.{form}"
    for side in (partners.assisting, partners.requesting):
        for reader in (side.coordinator, side.approver, side.legal, side.auditor, side.admin, side.machine):
            assert (await reader.get(path)).status_code == 200
    assert_problem(await partners.assisting.service.anonymous.get(path), 401, "unauthenticated")
    unknown = await partners.stranger.coordinator.get(f"/v1/loans/{uuid4()}/sheet.{form}")
    hidden = await partners.stranger.coordinator.get(path)
    assert_problem(hidden, 404, "not_found")
    assert hidden.json()["detail"] == unknown.json()["detail"], "what is hidden is answered like what is not there"
    narrow = partners.assisting.as_(Role.COORDINATOR, scope="assets:read")
    assert_problem(await narrow.get(path), 403)
    for asked in ("?crew_names=maybe", "?names=true"):
        assert (await partners.assisting.coordinator.get(f"{path}{asked}")).status_code == 400
    assert (await partners.assisting.coordinator.post(path, {})).status_code == 405
    head: httpx.Response = await partners.assisting.coordinator.send("HEAD", path)
    assert (head.status_code, head.content) == (200, b"")
