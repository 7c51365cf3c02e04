"""Signing in through an OpenID Connect issuer, over a real one on this machine: who comes in, and who does not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import browser as rig
import httpx2
import idp
import jwt
import pytest
from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi.testclient import TestClient

from pipeline.access.accounts import Accounts
from pipeline.access.audit import Wanted
from pipeline.access.issuer import Client, Issuer
from pipeline.access.throttle import FREE
from pipeline.cli import main
from pipeline.doctor import examine
from pipeline.errors import IssuerUnavailable, UsageError
from pipeline.settings import load_settings
from pipeline.web.app import create_app
from pipeline.web.callers import callers_of
from pipeline.wiring import Tools, open_tools

PASSWORD = "a horse of another colour"


@pytest.fixture(scope="module")
def served() -> Iterator[idp.Idp]:
    with idp.issuer() as running:
        yield running


@pytest.fixture
def there(served) -> idp.Idp:
    """The issuer, saying what it usually says."""
    served.claims = {"preferred_username": "Ben Ngozi"}
    served.document, served.forge, served.extra = {}, None, b""
    served.asked.clear()
    return served


@pytest.fixture
def tools(home, there, monkeypatch) -> Iterator[Tools]:
    """A home that knows the issuer, with one account, of an administrator; passwords cost little here."""
    monkeypatch.setenv("MUNIMENT_OIDC_ISSUER", there.url)
    monkeypatch.setenv("MUNIMENT_OIDC_CLIENT_ID", idp.CLIENT)
    monkeypatch.setenv("MUNIMENT_OIDC_CLIENT_SECRET", idp.SECRET)
    with open_tools(load_settings()) as opened:
        opened._once("accounts", lambda: Accounts(opened.catalog.database, PasswordHasher(1, 8, 1)))
        opened.accounts.add("Ada", PASSWORD, admin=True)
        yield opened


@pytest.fixture
def browser(tools) -> Callable[..., TestClient]:
    app = create_app(tools, callers_of(tools))

    def browser(url: str = "http://localhost") -> TestClient:
        return TestClient(app, base_url=url, follow_redirects=False)

    return browser


def sent(tab: TestClient, to: str = "/") -> str:
    """Where the browser is sent to sign in."""
    answer = tab.get("/sign-in/oidc", params={"next": to})
    assert answer.status_code == 303
    return answer.headers["location"]


def returned(away: str) -> str:
    """The address to which the issuer sends the browser back, without its host."""
    back = urlsplit(httpx2.get(away).headers["location"])
    return f"{back.path}?{back.query}"


def refused(tools: Tools) -> list[str]:
    """Why nobody came in, by the log, the latest first."""
    return [entry.details["why"] for entry in tools.audit.latest(Wanted(what="sign-in-refused"), 9)]


def test_a_first_sign_in_makes_an_account_that_sees_nothing(browser, tools, there):
    """Without a grant and without a password; the second leads to the same account, whatever it is called by then."""
    tab = browser()
    form = tab.get("/sign-in?next=/documents%3Fmatter%3Da").text
    link = re.search(r'href="(/sign-in/oidc[^"]*)"', form)[1].replace("&amp;", "&")
    away = tab.get(link).headers["location"]
    answer = tab.get(returned(away))
    assert (answer.status_code, answer.headers["location"]) == (303, "/documents?matter=a")
    assert tab.get("/api/account").json() == {"name": "Ben Ngozi", "admin": False, "matters": []}
    assert "muniment-oidc" not in tab.cookies
    there.claims["preferred_username"] = "Ben Married-Since"
    again = browser()
    again.get(returned(sent(again)))
    assert again.get("/api/account").json()["name"] == "Ben Ngozi"
    assert [user.name for user in tools.accounts.all()] == ["Ada", "Ben Ngozi"]
    ada = browser()
    ada.post("/sign-in", data={"name": "Ada", "password": PASSWORD})
    shown = ada.get(f"/people/{tools.accounts.user('Ben Ngozi').id}").text
    assert there.url in shown and "<code>u-1</code>" in shown
    entry = tools.audit.latest(Wanted(user="Ben Ngozi", what="sign-in"), 1)[0]
    assert (entry.who, entry.details["by"]) == ("Ben Ngozi", urlsplit(there.url).netloc)
    added = tools.audit.latest(Wanted(what="account"), 1)[0]
    assert (added.subject, added.details["subject"]) == ("Ben Ngozi", "u-1")


def test_such_an_account_has_no_password(browser, tools):
    """No password opens it, not even what stands in for one; its own page says so, and an admin can give it one."""
    tab = browser()
    tab.get(returned(sent(tab)))
    assert 'action="/account/password"' not in tab.get("/account").text
    for guess in ("", "the password of nobody"):
        assert tools.accounts.check("Ben Ngozi", guess) is None
    ben = tools.accounts.user("Ben Ngozi")
    tools.accounts.set_password(ben.id, PASSWORD)
    assert tools.accounts.check("Ben Ngozi", PASSWORD) == ben


def test_what_the_browser_is_sent_with_is_bound_to_it(browser, there):
    """State, nonce and challenge are new each time, the cookie is out of reach, and the address back is ours."""
    tab, seen = browser("https://localhost"), []
    for _ in range(2):
        answer = tab.get("/sign-in/oidc")
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-muniment-oidc=")
        assert all(part in cookie for part in ("HttpOnly", "SameSite=lax", "Secure", "Path=/", "Max-Age=600"))
        asked = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}
        assert asked["redirect_uri"] == "https://localhost/sign-in/oidc/back"
        assert asked["code_challenge"] not in cookie and asked["nonce"] not in cookie and asked["state"] not in cookie
        seen += [asked["state"], asked["nonce"], asked["code_challenge"]]
    assert len(set(seen)) == 6


def test_a_name_that_is_taken_is_not_taken_over(browser, tools, there, capsys):
    """Whoever is called like an account here is refused, and led to it only by an administrator's word."""
    there.claims = {"preferred_username": "ada", "sub": "u-ada"}
    tab = browser()
    answer = tab.get(returned(sent(tab)))
    assert answer.status_code == 403 and "taken" in answer.text
    assert tab.get("/api/account").status_code == 401
    assert tools.audit.latest(Wanted(what="sign-in-refused"), 1)[0].details["subject"] == "u-ada"
    assert main(["user", "link", "Ada", "u-ada"]) == 0
    assert main(["user", "link", "Ada", "u-ada"]) == 2
    capsys.readouterr()
    tab.get(returned(sent(tab)))
    assert tab.get("/api/account").json()["name"] == "Ada"
    assert tools.accounts.check("Ada", PASSWORD) is not None


def test_another_issuers_subject_is_somebody_else(browser, tools, there):
    """A subject is its issuer's: the same text from another one leads nowhere."""
    tools.accounts.link(tools.accounts.user("Ada").id, "https://elsewhere.example", "u-1")
    tab = browser()
    tab.get(returned(sent(tab)))
    assert tab.get("/api/account").json()["name"] == "Ben Ngozi"


def test_a_disabled_account_stays_out(browser, tools):
    """Its session ends, and a new sign-in is refused."""
    tab = browser()
    tab.get(returned(sent(tab)))
    tools.accounts.disable(tools.accounts.user("Ben Ngozi").id)
    assert tab.get("/api/account").status_code == 401
    assert tab.get(returned(sent(tab))).status_code == 403
    assert tab.get("/api/account").status_code == 401
    assert refused(tools) == ["your account here is disabled"]


def test_nobody_comes_in_before_the_first_account(home, there, monkeypatch):
    """The setup link would be dead, and nobody could look after accounts."""
    monkeypatch.setenv("MUNIMENT_OIDC_ISSUER", there.url)
    monkeypatch.setenv("MUNIMENT_OIDC_CLIENT_ID", idp.CLIENT)
    with open_tools(load_settings()) as tools:
        tab = TestClient(create_app(tools, callers_of(tools)), base_url="http://localhost", follow_redirects=False)
        assert "/sign-in/oidc" not in tab.get("/sign-in").text
        assert tab.get("/sign-in/oidc").headers["location"] == "/sign-in"
        assert not tools.accounts.any()


def test_without_an_issuer_there_is_no_such_way(home):
    """No button, and 404 behind it."""
    with open_tools(load_settings()) as tools:
        tools.accounts.add("Ada", PASSWORD)
        tab = TestClient(create_app(tools, callers_of(tools)), base_url="http://localhost", follow_redirects=False)
        assert "oidc" not in tab.get("/sign-in").text
        assert tab.get("/sign-in/oidc").status_code == tab.get("/sign-in/oidc/back").status_code == 404


def forged(key: object, algorithm: str, **header: str) -> Callable[[dict[str, Any]], str]:
    return lambda claims: jwt.encode(claims, key, algorithm, headers=header)


def with_public_key(there: idp.Idp) -> Callable[[dict[str, Any]], str]:
    """HS256 with what everybody can read as its secret: the classic forgery, signed by hand since PyJWT won't."""
    pem = there.keys[next(iter(there.keys))].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def forge(claims: dict[str, Any]) -> str:
        header = {"alg": "HS256", "kid": next(iter(there.keys)), "typ": "JWT"}
        parts = [base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=") for each in (header, claims)]
        seal = hmac.digest(pem, b".".join(parts), hashlib.sha256)
        return b".".join([*parts, base64.urlsafe_b64encode(seal).rstrip(b"=")]).decode()

    return forge


WRONG = (
    {"nonce": "another"},
    {"nonce": None},
    {"nonce": 7},
    {"iss": "https://evil.example"},
    {"iss": None},
    {"aud": "another client"},
    {"aud": None},
    {"aud": [idp.CLIENT, "another client"]},
    {"azp": "another client"},
    {"exp": 1_600_000_000},
    {"exp": None},
    {"exp": "soon"},
    {"iat": 4_000_000_000},
    {"iat": None},
    {"sub": None},
    {"sub": ""},
    {"sub": 7},
    {"sub": "x" * 256},
    {"preferred_username": None},
    {"preferred_username": ["Ben"]},
    {"preferred_username": "a\nb"},
    {"preferred_username": "x" * 61},
)


def test_a_token_that_does_not_hold_opens_nothing(browser, tools, there):
    """Well signed, but for another sign-in, client, issuer or time, or without what names a person."""
    for claims in WRONG:
        there.claims = {"preferred_username": "Ben Ngozi", **claims}
        tab = browser()
        assert tab.get(returned(sent(tab))).status_code == 403, claims
        assert tab.get("/api/account").status_code == 401, claims
        assert len(refused(tools)) > 0
        tools.throttle.passed("", "testclient")
    assert [user.name for user in tools.accounts.all()] == ["Ada"]
    there.claims = {"preferred_username": "Ben Ngozi", "aud": [idp.CLIENT, "another"], "azp": idp.CLIENT}
    assert tab.get(returned(sent(tab))).status_code == 303


def test_a_forged_token_opens_nothing(browser, tools, there):
    """Unsigned, signed with a secret, with a stranger's key, with one that is none of the shown ones, or cut."""
    kid = next(iter(there.keys))
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    honest = forged(there.keys[kid], "RS256", kid=kid)
    for forge in (
        forged("", "none", kid=kid),
        forged(idp.SECRET * 2, "HS256", kid=kid),
        with_public_key(there),
        forged(stranger, "RS256", kid=kid),
        forged(there.keys[kid], "RS512", kid=kid),
        lambda claims: honest(claims)[:-8],
        lambda _claims: "not.a.token",
        lambda _claims: "",
    ):
        tools.throttle.passed("", "testclient")
        there.forge = forge
        tab = browser()
        assert tab.get(returned(sent(tab))).status_code == 403
        assert tab.get("/api/account").status_code == 401
    assert [user.name for user in tools.accounts.all()] == ["Ada"]
    there.forge = honest
    tab = browser()
    assert tab.get(returned(sent(tab))).status_code == 303


def test_a_new_key_is_fetched_once(browser, tools, there):
    """When a token names one nobody has seen, but no more often than every few seconds, whatever tokens name."""
    clock = [1000.0]
    tools.issuer._keys._now = lambda: clock[0]
    tab = browser()
    assert tab.get(returned(sent(tab))).status_code == 303
    there.rotate("second")
    assert tab.get(returned(sent(tab))).status_code == 403  # the keys were fetched a moment ago
    assert there.asked["/keys"] == 1
    clock[0] += 11
    assert tab.get(returned(sent(tab))).status_code == 303
    assert there.asked["/keys"] == 2
    there.forge = forged(there.keys["second"], "RS256", kid="made up")
    for _ in range(3):
        assert tab.get(returned(sent(tab))).status_code == 403
    assert there.asked["/keys"] == 2
    assert refused(tools)[0] == "what the issuer sent is signed with none of its keys"


def test_a_way_back_is_good_once_and_in_its_browser(browser, tools, there):
    """Replayed, with a made-up state, from another browser, with another's code: no session, and nobody is asked."""
    tab, thief = browser(), browser()
    back = returned(sent(tab))
    cookie = tab.cookies["muniment-oidc"]
    assert thief.get(back).status_code == 403
    assert tab.get(back.replace("state=", "state=x")).status_code == 403
    tab.cookies["muniment-oidc"] = cookie
    assert tab.get(back).status_code == 303
    assert there.asked["/token"] == 1
    replay = browser()
    replay.cookies["muniment-oidc"] = cookie
    assert replay.get(back).status_code == 403
    for wrong in ("", "x", "a.b.c.d", cookie[:-1], "é" * 50):
        replay.cookies.clear()
        answer = replay.get(back, headers={"cookie": f"muniment-oidc={wrong}".encode()})
        assert answer.status_code == 403
    assert there.asked["/token"] == 1
    victim = browser()
    state = parse_qs(urlsplit(sent(victim)).query)["state"][0]
    stolen = parse_qs(urlsplit(returned(sent(thief))).query)["code"][0]
    assert victim.get("/sign-in/oidc/back", params={"state": state, "code": stolen}).status_code == 403
    assert victim.get("/api/account").status_code == 401


def test_a_journey_ends_after_ten_minutes(browser, tools):
    """The cookie alone is not enough."""
    tab = browser()
    back = returned(sent(tab))
    journeys = tab.app.state.journeys
    now = journeys._now()
    journeys._now = lambda: now + 601
    assert tab.get(back).status_code == 403


def test_coming_back_leads_nowhere_else(browser):
    """Whatever `next` says."""
    long = "/" + "x" * 5000
    for target in ("//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "/\t/e", long):
        tab = browser()
        assert tab.get(returned(sent(tab, target))).headers["location"] == "/", target


def test_what_the_issuer_refuses_is_said_without_its_words(browser, tools, there):
    """Its description is anybody's who can make a link; and an answer of another issuer is none."""
    for given in ({"error": "access_denied", "error_description": "call 555-evil"}, {"iss": "https://evil.example"}):
        tab = browser()
        state = parse_qs(urlsplit(sent(tab)).query)["state"][0]
        answer = tab.get("/sign-in/oidc/back", params={"state": state, "code": "c", **given})
        assert answer.status_code == 403
        assert "555" not in answer.text
    assert "/token" not in there.asked


def test_many_tries_have_to_wait(browser, there):
    """Each makes us ask the issuer."""
    there.claims = {}
    for _ in range(FREE):
        tab = browser()
        assert tab.get(returned(sent(tab))).status_code == 403
    tab = browser()
    assert tab.get(returned(sent(tab))).status_code == 429
    assert there.asked["/token"] == FREE


def test_who_is_not_in_the_group_stays_out(browser, tools, there):
    """The group of the settings must be among those the token names."""
    tools.issuer.client = replace(tools.issuer.client, group="partners")
    tab = browser()
    for groups in (None, "others", ["others"], ["partners and others"], [["partners"]]):
        there.claims["groups"] = groups
        assert tab.get(returned(sent(tab))).status_code == 403, groups
        tools.throttle.passed("", "testclient")
    there.claims["groups"] = ["others", "partners"]
    assert tab.get(returned(sent(tab))).status_code == 303


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": None},
        {"authorization_endpoint": "https://user@evil.example/"},
    ],
    ids=str,
)
def test_an_issuer_that_says_odd_things_is_not_used(there, document):
    """Another name for itself, or addresses where others could listen."""
    there.document = document
    with pytest.raises(IssuerUnavailable):
        Issuer(Client(there.url, idp.CLIENT)).check()


def test_an_issuer_that_is_not_there_is_said_so_and_not_asked_again_at_once(browser, tools, there):
    """Too long an answer, a redirect, nothing at all: the form again, with the reason."""
    there.extra = b" " * (1 << 19)
    answer = browser().get("/sign-in/oidc")
    assert answer.status_code == 503 and "says too much" in answer.text
    there.extra = b""
    assert browser().get("/sign-in/oidc").status_code == 503
    assert there.asked["/.well-known/openid-configuration"] == 1


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"oidc_issuer": "http://login.example.com"}, "https"),
        ({"oidc_issuer": "https://login.example.com?x=1"}, "https"),
        ({"oidc_issuer": "login.example.com"}, "https"),
        ({"oidc_issuer": "https://login.example.com", "oidc_client_id": ""}, "CLIENT_ID"),
    ],
)
def test_settings_that_cannot_be_used_are_said(home, settings, why):
    """At the start, with the variable's name."""
    with pytest.raises(UsageError, match=why):
        _ = Tools(load_settings(**{"oidc_client_id": "x", **settings})).issuer


def test_doctor_names_the_issuer(tools, there, monkeypatch):
    """And says who may come in; one that does not answer is a problem."""
    found = {check["name"]: check for check in examine(tools.settings)["checks"]}["sign-in"]
    assert found["ok"] and there.url in found["detail"] and "anybody it knows" in found["detail"]
    there.document = {"issuer": "https://evil.example"}
    assert not {check["name"]: check["ok"] for check in examine(tools.settings)["checks"]}["sign-in"]


def test_a_real_browser_goes_there_and_back(tools, there, chromium):
    """The policy of our pages lets the browser follow the button to the issuer, and it comes back signed in."""
    with rig.serve(create_app(tools, callers_of(tools))) as url, rig.tab(chromium, url) as tab:
        tab.goto("/deadlines")
        tab.get_by_role("link", name="Sign in through").click()
        tab.wait_for_url("**/deadlines")
        assert tab.locator(".who a").inner_text() == "Ben Ngozi"
        tab.get_by_role("button", name="Sign out").click()
        tab.wait_for_url("**/sign-in")
        assert "goes on until you end it there" in tab.inner_text("main")
