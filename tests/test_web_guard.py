"""Signing in and out, tokens, forms, and the rooms for accounts, over the real accounts of an empty home."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient

from pipeline.access.accounts import Accounts
from pipeline.access.audit import Wanted
from pipeline.access.throttle import FREE
from pipeline.catalog import document_id
from pipeline.settings import load_settings
from pipeline.types import Document
from pipeline.web.app import create_app
from pipeline.web.callers import callers_of
from pipeline.web.door import Door
from pipeline.web.entrance import SetupLink
from pipeline.wiring import Tools, open_tools

PASSWORD = "a horse of another colour"


@pytest.fixture
def tools(home) -> Iterator[Tools]:
    """An empty home; passwords cost little here."""
    with open_tools(load_settings()) as opened:
        opened._once("accounts", lambda: Accounts(opened.catalog.database, PasswordHasher(1, 8, 1)))
        for matter in ("alder", "dune"):
            sha256 = matter[0] * 64
            opened.catalog.add(Document(document_id(matter, sha256), matter, "a.pdf", sha256), f"/in/{matter}/a.pdf")
        yield opened


@pytest.fixture
def people(tools):
    """Ada looks after accounts and sees nothing; Ben sees one matter."""
    ada, ben = tools.accounts.add("Ada", PASSWORD, admin=True), tools.accounts.add("Ben", PASSWORD)
    tools.grants.set(ben.id, "alder", allowed=True)
    return {"Ada": ada, "Ben": ben}


@pytest.fixture
def app(tools) -> FastAPI:
    return create_app(tools, callers_of(tools), SetupLink("the key"))


@pytest.fixture
def browser(app):
    """Makes browsers, each with cookies of its own."""

    def browser(url: str = "http://localhost") -> TestClient:
        return TestClient(app, base_url=url, follow_redirects=False)

    return browser


def signed_in(browser, name: str, url: str = "http://localhost") -> TestClient:
    """A browser in which this person signed in."""
    tab = browser(url)
    assert tab.post("/sign-in", data={"name": name, "password": PASSWORD}).status_code == 303
    return tab


def csrf(tab: TestClient) -> str:
    """What the forms of this browser's pages carry."""
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', tab.get("/account").text)
    assert found
    return found[1]


def test_signing_in_opens_and_signing_out_closes(browser, people):
    """The cookie that was taken away opens nothing, even when somebody kept it."""
    tab = signed_in(browser, "Ben")
    assert tab.get("/api/account").json() == {"name": "Ben", "admin": False, "matters": ["alder"]}
    kept = tab.cookies["muniment"]
    assert tab.post("/sign-out", data={"csrf": "wrong"}).status_code == 403
    assert tab.get("/account").status_code == 200
    assert tab.post("/sign-out", data={"csrf": csrf(tab)}).headers["location"] == "/sign-in"
    assert "muniment" not in tab.cookies
    tab.cookies["muniment"] = kept
    assert tab.get("/account").headers["location"] == "/sign-in?next=%2Faccount"
    assert tab.get("/api/account").status_code == 401


@pytest.mark.parametrize(("url", "name"), [("http://localhost", "muniment"), ("https://localhost", "__Host-muniment")])
def test_the_cookie_is_out_of_reach(browser, people, url, name):
    """No script reads it, no other site's form sends it; over TLS it never travels without, and only from this host."""
    answer = browser(url).post("/sign-in", data={"name": "Ben", "password": PASSWORD})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{name}=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    assert ("Secure" in cookie) == url.startswith("https")


def test_over_tls_a_cookie_of_plain_http_opens_nothing(browser, people):
    """Whoever can write plain HTTP must not be able to put a session of theirs in place."""
    plain = signed_in(browser, "Ben")
    secure = browser("https://localhost")
    secure.cookies["muniment"] = plain.cookies["muniment"]
    assert secure.get("/api/account").status_code == 401


def test_a_session_begins_anew_at_sign_in(browser, people, tools):
    """A cookie planted beforehand is not taken over, and the session it stood for ends."""
    planted = tools.sessions.open(people["Ada"].id)
    tab = browser()
    tab.cookies["muniment"] = planted
    tab.post("/sign-in", data={"name": "Ben", "password": PASSWORD})
    cookies = [cookie.value for cookie in tab.cookies.jar if cookie.name == "muniment"]
    assert any(value != planted for value in cookies)
    assert tools.sessions.by_cookie(planted) is None


def test_a_wrong_password_and_an_unknown_name_are_one_answer(browser, people, tools):
    """In status and in words; what was typed as the name is not logged, it may be a password."""
    wrong = browser().post("/sign-in", data={"name": "Ben", "password": "not the password"})
    unknown = browser().post("/sign-in", data={"name": "Bob", "password": "not the password"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.text.replace("Ben", "Bob") == unknown.text
    logged = tools.audit.latest(Wanted(what="sign-in-refused"), 9)
    assert [(entry.who, entry.subject) for entry in logged] == [("(nobody)", "")] * 2
    assert "Bob" not in repr(logged)


def test_many_wrong_passwords_have_to_wait(browser, people):
    """Also the right one, until the time is over; the answer says how long."""
    tab = browser()
    for _ in range(FREE):
        assert tab.post("/sign-in", data={"name": "Ben", "password": "not the password"}).status_code == 401
    answer = tab.post("/sign-in", data={"name": "ben ", "password": PASSWORD})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "evil.example",
        "",
        "/a\\..\\\\evil",
    ],
)
def test_signing_in_leads_nowhere_else(browser, people, target):
    """Whatever `next` says, in the address and in the form."""
    tab = browser()
    assert 'name="next" value="/"' in tab.get("/sign-in", params={"next": target}).text
    answer = tab.post("/sign-in", data={"name": "Ben", "password": PASSWORD, "next": target})
    assert answer.headers["location"] == "/"
    assert tab.get("/sign-in", params={"next": target}).headers["location"] == "/"


def test_signing_in_goes_on_to_what_was_asked_for(browser, people):
    """The question in the address bar survives."""
    tab = browser()
    asked = tab.get("/documents", params={"matter": "a&b"})
    form = tab.get(asked.headers["location"]).text
    target = re.search(r'name="next" value="([^"]*)"', form)[1].replace("&amp;", "&")
    assert target == "/documents?matter=a%26b"
    answer = tab.post("/sign-in", data={"name": "Ben", "password": PASSWORD, "next": target})
    assert answer.headers["location"] == target


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}], ids=str
)
def test_another_site_signs_nobody_in(browser, people, headers):
    """Nobody is made to work in an account of the attacker's."""
    answer = browser().post("/sign-in", data={"name": "Ben", "password": PASSWORD}, headers=headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_the_form_of_one_session_is_none_of_another(browser, people):
    """The token hangs on the session; it works in a form and, for scripts of ours, in a header."""
    ada, ben = signed_in(browser, "Ada"), signed_in(browser, "Ben")
    assert ben.post("/account/tokens", data={"label": "x", "csrf": csrf(ada)}).status_code == 403
    assert ben.post("/account/tokens", data={"label": "x", "csrf": csrf(ben)}).status_code == 200
    sent = {"x-csrf-token": csrf(ben)}
    assert ben.post("/api/account/tokens", json={"label": "x"}, headers=sent).status_code == 201
    assert ben.post("/api/account/tokens", json={"label": "x"}).status_code == 403


def test_the_first_account_is_made_by_the_link_once(browser, tools, app):
    """The right key, two equal passwords: an admin who sees every matter and is signed in; then the link is dead."""
    tab = browser()
    form = {"key": "the key", "name": "Ada", "password": PASSWORD, "again": PASSWORD}
    assert tab.get("/setup?key=wrong").status_code == 404
    assert tab.get("/setup").status_code == 404
    assert tab.post("/setup", data=form | {"key": "wrong"}).status_code == 404
    assert tab.get("/setup?key=the+key").status_code == 200
    assert tab.post("/setup", data=form | {"again": "another"}).status_code == 400
    assert tab.post("/setup", data=form | {"password": "short", "again": "short"}).status_code == 400
    assert not tools.accounts.any()
    assert tab.post("/setup", data=form, headers={"origin": "https://evil.example"}).status_code == 403
    assert tab.post("/setup", data=form).status_code == 303
    assert tab.get("/api/account").json() == {"name": "Ada", "admin": True, "matters": ["alder", "dune"]}
    assert tab.get("/setup?key=the+key").status_code == 404
    assert tab.post("/setup", data=form | {"name": "Eve"}).status_code == 404
    assert len(tools.accounts.all()) == 1


def test_a_late_link_opens_nothing(tools):
    """After an hour, and without a link at all."""
    for link in (SetupLink("the key", expires=0.0), None):
        tab = TestClient(create_app(tools, callers_of(tools), link), base_url="http://localhost")
        assert tab.get("/setup?key=the+key").status_code == 404


def test_a_token_reads_and_manages_nothing(browser, people, tools):
    """It sees what its user sees, is no admin, and cannot reach accounts; revoked, it is nothing."""
    tools.grants.set(people["Ada"].id, "dune", allowed=True)
    secret = tools.sessions.give(people["Ada"].id, "script")
    tab, sent = browser(), {"authorization": f"Bearer {secret}"}
    assert tab.get("/api/account", headers=sent).json() == {"name": "Ada", "admin": False, "matters": ["dune"]}
    for path in ("/account", "/people", "/api/people", "/audit", "/api/audit", "/api/account/tokens"):
        assert tab.get(path, headers=sent).status_code == 403
    assert tab.post("/api/people", headers=sent, json={"name": "Eve", "password": PASSWORD}).status_code == 403
    for wrong in ("Basic x", "Bearer", "Bearer  ", f"Bearer {secret}x", "Bearer " + "x" * 9999, secret):
        assert tab.get("/api/account", headers={"authorization": wrong}).status_code == 401
    tools.sessions.revoke(people["Ada"].id, tools.sessions.tokens(people["Ada"].id)[0].id)
    assert tab.get("/api/account", headers=sent).status_code == 401


def test_a_grant_counts_from_the_next_click_on(browser, people, tools):
    """Given, denied, and the account closed."""
    tab, ben = signed_in(browser, "Ben"), people["Ben"].id
    for matter, allowed, seen in (("dune", True, ["alder", "dune"]), ("alder", False, ["dune"])):
        tools.grants.set(ben, matter, allowed=allowed)
        assert tab.get("/api/account").json()["matters"] == seen
    tools.accounts.disable(ben)
    assert tab.get("/api/account").status_code == 401


def test_the_account_page_names_no_denied_matter(browser, people, tools):
    """Who is kept out of a matter must not learn its name from that."""
    for matter in ("dune", "secret merger"):
        tools.grants.set(people["Ben"].id, matter, allowed=False)
    shown = signed_in(browser, "Ben").get("/account").text
    assert "alder" in shown
    assert "dune" not in shown
    assert "merger" not in shown


def test_a_new_password_signs_the_other_browsers_out(browser, people):
    """The one that changed it stays; the old password opens nothing."""
    here, there = signed_in(browser, "Ben"), signed_in(browser, "Ben")
    new = {"password": "another horse of colour", "again": "another horse of colour", "csrf": csrf(here)}
    assert here.post("/account/password", data=new | {"current": "wrong password"}).status_code == 400
    assert here.post("/account/password", data=new | {"current": PASSWORD, "again": "x"}).status_code == 400
    assert there.get("/account").status_code == 200
    assert here.post("/account/password", data=new | {"current": PASSWORD}).status_code == 303
    assert here.get("/account").status_code == 200
    assert there.get("/account").status_code == 303
    assert browser().post("/sign-in", data={"name": "Ben", "password": PASSWORD}).status_code == 401


def test_another_browser_can_be_signed_out(browser, people, tools):
    """One's own by its number; somebody else's is not found."""
    here, there, ada = signed_in(browser, "Ben"), signed_in(browser, "Ben"), signed_in(browser, "Ada")
    other = tools.sessions.number(there.cookies["muniment"])
    assert ada.post(f"/account/sessions/{other}/end", data={"csrf": csrf(ada)}).status_code == 404
    assert here.post(f"/account/sessions/{other}/end", data={"csrf": csrf(here)}).status_code == 303
    assert there.get("/account").status_code == 303


def test_the_token_is_shown_once(browser, people):
    """On the page that answers, and on no other."""
    tab = signed_in(browser, "Ben")
    made = tab.post("/account/tokens", data={"label": "nightly <b>", "days": "9", "csrf": csrf(tab)}).text
    secret = re.search(r"muniment_[\w-]{43}", made)[0]
    again = tab.get("/account").text
    assert secret not in again
    assert "nightly &lt;b&gt;" in again
    assert secret not in tab.get("/api/account/tokens").text


def test_an_admin_looks_after_accounts(browser, people, tools):
    """Adds, grants, denies, withdraws, disables, by form; each act is in the log with who did it."""
    tab = signed_in(browser, "Ada")
    sent = {"csrf": csrf(tab)}
    to = tab.post("/people", data=sent | {"name": "Cleo", "password": PASSWORD}).headers["location"]
    for matter, choice in (("dune", "allow"), ("*", "allow"), ("alder", "deny"), ("dune", "withdraw")):
        assert tab.post(f"{to}/grants", data=sent | {"matter": matter, "choice": choice}).headers["location"] == to
    cleo = tools.accounts.user("Cleo")
    assert tools.grants.matters(cleo.id) == ("dune",)
    assert "denied" in tab.get(to).text
    assert tab.post(f"{to}/password", data=sent | {"password": "short"}).status_code == 400
    assert tab.post(f"{to}/password", data=sent | {"password": PASSWORD + "2"}).status_code == 303
    assert tab.post(f"{to}/disabled", data=sent | {"disabled": "true"}).status_code == 303
    assert tools.accounts.user("Cleo").disabled
    mine = tab.post(f"/people/{people['Ada'].id}/disabled", data=sent | {"disabled": "true"})
    assert mine.status_code == 400
    assert "last admin" in mine.text
    done = [(entry.what, entry.details.get("done")) for entry in tools.audit.latest(Wanted(user="Ada"), 99)]
    assert done[::-1] == [
        ("sign-in", None),
        ("account", "added"),
        ("grant", "allowed"),
        ("grant", "allowed"),
        ("grant", "denied"),
        ("grant", "withdrawn"),
        ("account", "password changed"),
        ("account", "disabled"),
    ]


def test_nobody_else_looks_after_accounts(browser, people, tools):
    """Not by page, not by JSON, not for themselves."""
    tab, ben = signed_in(browser, "Ben"), people["Ben"].id
    sent = {"csrf": csrf(tab)}
    assert (
        tab.get("/people").status_code == tab.get(f"/people/{ben}").status_code == tab.get("/audit").status_code == 403
    )
    for path, form in (
        ("/people", {"name": "Eve", "password": PASSWORD, "admin": "true"}),
        (f"/people/{ben}/grants", {"matter": "*", "choice": "allow"}),
        (f"/people/{people['Ada'].id}/password", {"password": PASSWORD}),
        (f"/people/{people['Ada'].id}/disabled", {"disabled": "true"}),
    ):
        assert tab.post(path, data=sent | form).status_code == 403
    header = {"x-csrf-token": sent["csrf"]}
    grant = {"matter": "*", "choice": "allow"}
    assert tab.post(f"/api/people/{ben}/grants", json=grant, headers=header).status_code == 403
    assert tools.grants.matters(ben) == ("alder",)
    assert len(tools.accounts.all()) == 2


def test_the_log_withholds_questions_from_who_may_not_see_everything(browser, people, tools):
    """A question can be a secret of its matter. An admin's own, and all for who sees every matter, are shown."""
    tools.audit.record("Ben", "search", detail={"query": "project kestrel", "matters": ["alder"]})
    tools.audit.record("Ada", "search", detail={"query": "my own question"})
    tab = signed_in(browser, "Ada")
    for shown in (tab.get("/audit").text, tab.get("/api/audit").text, tab.get("/api/audit?matter=alder").text):
        assert "kestrel" not in shown
        assert "withheld" in shown
    assert "my own question" in tab.get("/audit").text
    tools.grants.set(people["Ada"].id, "*", allowed=True)
    assert "project kestrel" in tab.get("/audit").text
    tools.grants.set(people["Ada"].id, "dune", allowed=False)
    assert "kestrel" not in tab.get("/api/audit").text
    assert tab.get("/api/audit/chain").json()["wrong"] == ""


@pytest.fixture
def door(app):
    """A browser before the door that the served application has."""

    def door(url: str = "http://localhost", **options) -> TestClient:
        return TestClient(Door(app, **options), base_url=url, follow_redirects=False)

    return door


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "[", "127.0.0.1@evil", "evil:80", "0"])
def test_a_request_for_another_name_is_turned_away(door, people, host):
    """A page of another site that calls this machine by a name of its own (DNS rebinding) gets nothing."""
    assert door().get("/sign-in", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000"])
def test_this_machine_is_known_by_its_names(door, people, host):
    """With and without a port."""
    assert door().get("/sign-in", headers={"host": host}).status_code == 200


def test_large_bodies_and_bodies_without_a_length_are_turned_away(door, people):
    """Before anybody reads them."""
    tab = door()
    assert tab.post("/sign-in", content=b"x" * (1 << 20) + b"x").status_code == 413
    assert tab.post("/sign-in", content=(chunk for chunk in [b"name=Ben"])).status_code == 411
    assert tab.post("/sign-in", data={"name": "Ben", "password": PASSWORD}).status_code == 303


def test_where_tls_is_promised_nothing_is_said_without(door, people):
    """Plain requests are refused; answers over TLS tell the browser to stay with it."""
    assert door(only_https=True).get("/sign-in").status_code == 403
    answer = door("https://localhost", only_https=True).get("/sign-in")
    assert answer.status_code == 200
    assert "max-age" in answer.headers["strict-transport-security"]
    assert "strict-transport-security" not in door().get("/sign-in").headers
