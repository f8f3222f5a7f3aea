"""Tokens: which are taken, for how long they are remembered, and who may speak for whom."""

import re
import subprocess
import sys
from typing import Any

import pytest
from msgspec.structs import replace

from functions.core.model import DAY, SECOND, Message, User
from functions.core.moments import format_time
from functions.environment import Auth
from functions.store.access import AccessKey, KeyUse, deployed, known
from functions.track.authority import (
    Authority,
    Judged,
    Sent,
    caller,
    judge_message,
    token_keys,
)
from functions.wire.calls import MessageKind
from functions.wire.errors import Forbidden, TooLarge, Unauthorized, WireError
from functions.wire.tokens import Claims, Given, Verifier, read_given, sign
from tests.signing import (
    AUDIENCE,
    DEVICE,
    ISSUER,
    LIVE_KEYS,
    NOW,
    SECOND_USER,
    STAGE,
    STRANGER,
    TRUSTED,
    USER,
    Signer,
    dumped,
    encoded,
)

U1, U2, A1 = User("user", "u1"), User("user", "u2"), User("anonymous", "a1")
MINUTE = 60_000


def verified(token: Any, now: int = NOW, **more: Any) -> User:
    return Verifier(AUDIENCE).verify(token, more.get("keys", TRUSTED), now)


def refused(token: Any, now: int = NOW, **more: Any) -> str:
    with pytest.raises(Unauthorized) as caught:
        verified(token, now, **more)
    return caught.value.message


# --- verification ---


@pytest.mark.parametrize(
    ("token", "user"),
    [
        (USER.token("u1"), U1),
        (SECOND_USER.token("u1"), U1),
        (DEVICE.token("a1"), A1),
        (DEVICE.token("u1"), User("anonymous", "u1")),
        (USER.token("ü 😀" * 50), User("user", "ü 😀" * 50)),
        (USER.token("u1", lives=86_400), U1),
        (DEVICE.token("a1", lives=90 * 86_400), A1),
        (USER.token("u1", nbf=NOW // 1000), U1),
        (USER.token("u1", jti="x", roles=["admin"], email=None), U1),
        # golang-jwt writes a single audience as a list.
        (USER.token("u1", aud=[AUDIENCE]), U1),
    ],
)
def test_a_good_token_speaks_for_its_subject(token: str, user: User) -> None:
    assert verified(token) == user


@pytest.mark.parametrize("token", [None, ""])
def test_without_a_token_the_answer_says_how_to_send_one(token: Any) -> None:
    assert "X-Softask-Token" in refused(token)


@pytest.mark.parametrize(
    ("moved", "taken"),
    [
        (-60 * SECOND, True),
        (-60 * SECOND - 1, False),
        (960 * SECOND - 1, True),
        (960 * SECOND, False),
    ],
)
@pytest.mark.parametrize("is_remembered", [True, False])
def test_a_minute_of_difference_between_two_clocks_is_none(
    moved: int, taken: bool, is_remembered: bool
) -> None:
    verifier = Verifier(AUDIENCE)
    token = USER.token("u1")
    if is_remembered:
        verifier.verify(token, TRUSTED, NOW)
    if taken:
        assert verifier.verify(token, TRUSTED, NOW + moved) == U1
    else:
        with pytest.raises(Unauthorized):
            verifier.verify(token, TRUSTED, NOW + moved)


@pytest.mark.parametrize(("signer", "longest"), [(USER, 86_400), (DEVICE, 90 * 86_400)])
def test_no_token_lives_longer_than_its_kind_may(signer: Signer, longest: int) -> None:
    assert verified(signer.token("x", lives=longest)).id == "x"
    assert "exp" in refused(signer.token("x", lives=longest + 1))


def test_row_44_a_token_is_short_lived() -> None:
    token = USER.token("u1", lives=86_400)
    problem = refused(token, NOW + DAY + MINUTE)
    assert problem.startswith("The token is expired: it held until ")
    assert problem.endswith(f", and here it is {format_time(NOW + DAY + MINUTE)}.")


def test_a_token_of_another_stage_is_told_which_audience_it_must_have() -> None:
    assert f"aud must be {AUDIENCE}." in refused(USER.token("u1", aud="softask-other"))


@pytest.mark.parametrize("moved", [-10 * DAY, 10 * DAY])
def test_a_token_out_of_its_time_is_told_what_time_it_is_here(moved: int) -> None:
    assert f"here it is {format_time(NOW + moved)}" in refused(USER.token("u1"), NOW + moved)


@pytest.mark.parametrize("exp", [-(10**17), -1, 10**17])
def test_a_time_that_nobody_can_spell_is_refused_as_any_other(exp: int) -> None:
    assert refused(USER.token("u1", iat=exp - 60, exp=exp))


def test_a_remembered_token_falls_with_its_key() -> None:
    verifier = Verifier(AUDIENCE)
    token = USER.token("u1")
    assert verifier.verify(token, TRUSTED, NOW) == U1
    others = {id_: key for id_, key in TRUSTED.items() if id_ != USER.id}
    with pytest.raises(Unauthorized, match="names no key"):
        verifier.verify(token, others, NOW)
    with pytest.raises(Unauthorized, match="signature"):
        verifier.verify(token, {USER.id: TRUSTED[SECOND_USER.id]}, NOW)
    assert verifier.verify(token, TRUSTED, NOW) == U1


def test_a_remembered_token_is_not_verified_again(monkeypatch: pytest.MonkeyPatch) -> None:
    verifier = Verifier(AUDIENCE)
    token = USER.token("u1")
    verifier.verify(token, TRUSTED, NOW)
    monkeypatch.setattr("functions.wire.tokens._is_signed", lambda *_: False)
    assert verifier.verify(token, TRUSTED, NOW) == U1
    with pytest.raises(Unauthorized):
        verifier.verify(USER.token("u2"), TRUSTED, NOW)


def test_only_so_many_tokens_are_remembered_and_no_refused_one() -> None:
    verifier = Verifier(AUDIENCE, most=2)
    tokens = [USER.token(f"u{n}") for n in range(3)]
    for token in (tokens[0], tokens[1], tokens[0], tokens[2]):
        verifier.verify(token, TRUSTED, NOW)
    with pytest.raises(Unauthorized):
        verifier.verify(STRANGER.token("u1"), TRUSTED, NOW)
    assert [each.claims.sub for each in verifier._remembered.values()] == ["u0", "u2"]


def test_a_key_that_cannot_be_used_verifies_nothing() -> None:
    for public in ({}, {"x": "AA", "y": "AA"}, {**USER.public, "y": USER.public["x"]}):
        key = {USER.id: replace_public(public)}
        assert refused(USER.token("u1"), keys=key) == "The token's signature is not its key's."


def replace_public(public: dict[str, str]) -> Any:
    return type(TRUSTED[USER.id])(kind="user", public=public, issuer=ISSUER, longest=900)


def test_odd_encodings_are_refused_before_any_signature_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("functions.wire.tokens._is_signed", lambda *_: True)
    header, claims, signature = USER.token("u1").split(".")
    assert verified(f"{header}.{claims}.{'A' * 86}") == U1
    for odd in (
        f"{header}.{claims}.{'A' * 85}B",
        f"{header}A.{claims}.{signature}",
        f"{header}.{claims}.{signature}A",
    ):
        assert re.search("compact JWS|no ES256 token's", refused(odd))


def signed_header(**header: Any) -> str:
    return USER.of_parts(dumped(header), dumped(USER.claims("u1")))


_GOOD = USER.token("u1")


@pytest.mark.parametrize(
    ("token", "told"),
    [
        ("A" * 4097, "has at most 4096 bytes"),
        (f"Bearer {_GOOD}", "without Bearer"),
        (f"bearer {_GOOD}", "without Bearer"),
        (signed_header(alg="HS256", kid="uk-1"), "alg ES256, kid and at most typ"),
        (_GOOD.rpartition(".")[0] + "." + "A" * 43, "three parts"),
        (
            f"{encoded(dumped({'alg': 'HS256', 'kid': 'uk-1'}))}.e30.{'A' * 43}",
            "alg ES256, kid and at most typ",
        ),
        (f"{encoded(dumped({'alg': 'none', 'kid': 'uk-1'}))}.e30.", "alg ES256, kid"),
        (signed_header(alg="ES256"), "alg ES256, kid and at most typ"),
        (signed_header(alg="ES256", kid="uk-1", cty="x"), "alg ES256, kid and at most typ"),
        (_GOOD.rpartition(".")[0], "three parts"),
        (f"{_GOOD}=", "three parts"),
        (f"{_GOOD}\n", "three parts"),
        (7, "three parts"),
        (USER.token("u1", lives=86_401), "at most 24 hours apart (an install's: 90 days)"),
        (USER.token("u1", iat=NOW, exp=NOW + 900_000), "in whole seconds"),
        (USER.token("u1", iss="another"), "softask keys list has it"),
    ],
)
def test_a_refused_token_is_told_what_is_wrong_with_it(token: Any, told: str) -> None:
    assert told in refused(token)


def test_a_refusal_never_tells_the_issuer_of_a_key() -> None:
    assert ISSUER not in refused(USER.token("u1", iss="another"))


def test_an_unknown_key_and_no_key_at_all_are_refused_alike() -> None:
    assert refused(_GOOD, keys={}) == refused(signed_header(alg="ES256", kid="uk-none"))


def test_what_is_signed_here_is_verified_here() -> None:
    began = NOW // 1000
    claims = Claims(AUDIENCE, AUDIENCE, "a1", began + 900, began)
    assert verified(sign(claims, DEVICE.id, DEVICE.private)) == A1


def test_a_stage_that_looks_at_no_token_does_not_import_joserfc() -> None:
    code = """
import sys
from functions.core.model import User, Message
from functions.track.authority import Authority, Sent
from functions.wire.tokens import Given
message = Message(id="m", content=b"", kind="track", user=User("user", "u1"), at=0)
for by in ("write", "server"):
    Authority("test", "off").judge([Sent("track", message, Given("a.b.c", None))], by, {}, 0)
assert not {name for name in sys.modules if name.startswith(("joserfc", "cryptography"))}
Authority("test", "observe").judge([Sent("track", message, Given(None, None))], "write", {}, 0)
assert "joserfc" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - our own code


# --- where a token stands ---


def context(softask: dict[str, Any]) -> dict[str, Any]:
    return {"context": {"softask": softask}}


@pytest.mark.parametrize(
    ("headers", "own", "batch", "given"),
    [
        ({}, {}, {}, Given(None, None)),
        ({"x-softask-token": "h"}, {}, {}, Given("h", None)),
        ({"x-softask-token": "h"}, {}, context({"token": "b"}), Given("b", None)),
        (
            {"x-softask-token": "h"},
            context({"token": "o"}),
            context({"token": "b"}),
            Given("o", None),
        ),
        ({}, context({"deviceToken": "d"}), context({"token": "b"}), Given("b", "d")),
        ({}, context({"token": "o"}), context({"deviceToken": "d"}), Given("o", "d")),
        ({"x-softask-token": "h"}, {"context": {"softask": 7}}, {}, Given("h", None)),
        ({"x-softask-token": "h"}, {"context": None}, {"context": []}, Given("h", None)),
        ({"x-softask-token": "h"}, context({"token": 7}), {}, Given("(no text)", None)),
    ],
)
def test_a_message_s_own_token_goes_before_its_batch_s_and_that_before_the_header_s(
    headers: dict[str, str], own: Any, batch: Any, given: Given
) -> None:
    assert read_given(headers, own, batch) == given


# --- who may speak for whom ---

BAD = Unauthorized("bad")
LONE = "Unauthorized"
OTHER = "Forbidden"

RULES: list[tuple[MessageKind, User, str, Any, Any, Any]] = [
    # kind, acts as, merges, the token proves, the device token proves -> refusal, or what merges
    ("track", U1, "", U1, None, ""),
    ("track", U1, "", U2, None, OTHER),
    ("track", U1, "", BAD, None, LONE),
    ("track", U1, "", User("anonymous", "u1"), None, OTHER),
    ("track", U1, "", U1, BAD, ""),
    ("track", A1, "", A1, None, ""),
    ("track", A1, "", User("user", "a1"), None, OTHER),
    ("track", A1, "", BAD, A1, LONE),
    ("identify", U1, "a1", U1, A1, "a1"),
    ("identify", U1, "a1", U1, None, "warned"),
    ("identify", U1, "a1", U1, BAD, "warned"),
    ("identify", U1, "a1", U1, User("anonymous", "a2"), "warned"),
    ("identify", U1, "a1", U1, User("user", "a1"), "warned"),
    ("identify", U1, "a1", U2, A1, OTHER),
    ("identify", U1, "a1", BAD, A1, LONE),
    ("identify", U1, "a1", A1, A1, OTHER),
    ("alias", U1, "a1", U1, A1, "a1"),
    ("alias", U1, "a1", U1, None, OTHER),
    ("alias", U1, "a1", U1, BAD, LONE),
    ("alias", U1, "a1", U1, User("anonymous", "a2"), OTHER),
    ("alias", U1, "a1", U1, User("user", "a1"), OTHER),
    ("alias", U1, "a1", BAD, A1, LONE),
]


def message(user: User, merges: str = "") -> Message:
    return Message(id="m1", content=b"", kind="track", user=user, at=NOW, merges=merges)


@pytest.mark.parametrize(("kind", "user", "merges", "token", "device", "expected"), RULES)
def test_the_rules_of_who_speaks_for_whom(
    kind: MessageKind, user: User, merges: str, token: Any, device: Any, expected: str
) -> None:
    sent = message(user, merges)
    found = judge_message(kind, sent, token, device)
    if expected in (LONE, OTHER):
        assert type(found.refusal).__name__ == expected
        assert not found.message.verified
    elif expected == "warned":
        assert found.message == replace(sent, verified=True, merges="")
        assert found.refusal is None
        assert found.unmerged is not None
        [warning] = found.warnings
        assert warning.startswith("The anonymous id was not merged.")
    else:
        assert found == Judged(replace(sent, verified=True))


def sent(user: User = U1, token: Any = None, device: Any = None, merges: str = "") -> Sent:
    return Sent("alias" if merges else "track", message(user, merges), Given(token, device))


def as_identify(alias: Sent) -> Sent:
    """The same merge as an identify, which is taken without it."""
    return Sent("identify", alias.message, alias.given)


def judge(mode: Auth, *each: Sent, by: KeyUse = KeyUse.WRITE, now: int = NOW) -> list[Judged]:
    return Authority(STAGE, mode).judge(each, by, LIVE_KEYS, now)


def code(found: Judged) -> str:
    return found.refusal.code if found.refusal else "ok"


@pytest.mark.parametrize(
    ("each", "enforced"),
    [
        (as_identify(sent(token=USER.token("u1"), merges="a1")), "ok"),
        (sent(), "unauthorized"),
        (sent(token=USER.token("u1")), "ok"),
        (sent(token=USER.token("u2")), "forbidden"),
        (sent(token=DEVICE.token("u1")), "forbidden"),
        (sent(token=STRANGER.token("u1")), "unauthorized"),
        (sent(A1, DEVICE.token("a1")), "ok"),
        (sent(A1, USER.token("a1")), "forbidden"),
        (sent(token=USER.token("u1"), device=DEVICE.token("a1"), merges="a1"), "ok"),
        (sent(token=USER.token("u1"), device=USER.token("a1"), merges="a1"), "forbidden"),
        (sent(token=USER.token("u1"), merges="a1"), "forbidden"),
    ],
)
def test_a_mode_decides_what_a_token_is_worth(each: Sent, enforced: str) -> None:
    [off] = judge("off", each)
    assert off == Judged(each.message)
    [enforce] = judge("enforce", each)
    assert code(enforce) == enforced
    [observe] = judge("observe", each)
    assert code(observe) == enforced
    assert observe.message.merges == each.message.merges
    for mode in ("off", "observe", "enforce"):
        [server] = judge(mode, each, by=KeyUse.SERVER)
        assert server == Judged(replace(each.message, verified=True, by_server=True))
    assert enforce.message.verified == (enforced == "ok")
    assert not observe.message.verified
    assert off.unmerged is None
    assert repr(enforce.unmerged) == repr(observe.unmerged)


def test_a_batch_brings_at_most_twenty_different_tokens() -> None:
    many = [sent(User("user", f"u{n}"), USER.token(f"u{n}")) for n in range(21)]
    assert [code(each) for each in judge("enforce", *many[:20], *many[:20])] == ["ok"] * 40
    with pytest.raises(TooLarge):
        judge("enforce", *many)
    observed = judge("observe", *many)
    assert {code(each) for each in observed} == {"too_large"}
    assert not any(each.message.verified for each in observed)
    assert [code(each) for each in judge("off", *many)] == ["ok"] * 21


def test_each_token_of_a_call_is_verified_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[Any] = []
    verify = Verifier.verify

    def observed(self: Verifier, token: Any, *more: Any) -> User:
        looked_at.append(token)
        return verify(self, token, *more)

    monkeypatch.setattr(Verifier, "verify", observed)
    forged = STRANGER.token("u1")
    found = judge("enforce", *[sent(token=forged)] * 100)
    assert {code(each) for each in found} == {"unauthorized"}
    assert looked_at.count(forged) == 1


def test_row_41_a_refusal_says_the_same_of_every_user() -> None:
    told: set[tuple[str, str | None]] = set()
    for user in (U1, U2, User("user", "nobody")):
        [found] = judge("enforce", sent(user, USER.token("another")))
        assert isinstance(found.refusal, WireError)
        told.add((found.refusal.message, found.refusal.field))
    assert len(told) == 1


# --- callers ---

WRITE = deployed(("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",))  # "test"


def test_row_43_a_write_key_routes_and_verifies_nothing() -> None:
    assert caller("test", WRITE, NOW) is KeyUse.WRITE
    assert token_keys(WRITE, STAGE, NOW) == {}
    [found] = Authority(STAGE, "enforce").judge([sent()], KeyUse.WRITE, WRITE, NOW)
    assert code(found) == "unauthorized"


@pytest.mark.parametrize("use", [KeyUse.USER, KeyUse.DEVICE])
def test_no_key_but_a_write_or_a_server_key_lets_anybody_in(use: KeyUse) -> None:
    [key] = WRITE.values()
    with pytest.raises(Unauthorized):
        caller("test", {"k": replace(key, use=use)}, NOW)


def test_row_43_a_key_that_ended_is_refused_from_that_moment() -> None:
    [key] = WRITE.values()
    ending = {"k": replace(key, ends_at=NOW)}
    assert caller("test", ending, NOW - 1) is KeyUse.WRITE
    with pytest.raises(Unauthorized):
        caller("test", ending, NOW)


def test_a_server_key_is_none_where_only_write_keys_are_taken() -> None:
    [key] = WRITE.values()
    with pytest.raises(Unauthorized):
        caller("test", {"k": replace(key, use=KeyUse.SERVER)}, NOW, [KeyUse.WRITE])


def test_token_keys_are_those_that_hold() -> None:
    ending = {**LIVE_KEYS, USER.id: replace(LIVE_KEYS[USER.id], ends_at=NOW)}
    assert token_keys(LIVE_KEYS, STAGE, NOW) == TRUSTED
    assert token_keys(ending, STAGE, NOW - 1) == TRUSTED
    assert set(token_keys(ending, STAGE, NOW)) == {SECOND_USER.id, DEVICE.id}


def test_the_deployment_s_write_keys_stand_beside_those_that_were_made() -> None:
    own = AccessKey(use=KeyUse.WRITE, sha256="b" * 64, made_at=1)
    found = known({"wk-own": own}, ("a" * 64, "b" * 64))
    assert found == {"wk-aaaaaaaaaaaa": AccessKey(use=KeyUse.WRITE, sha256="a" * 64), "wk-own": own}


def test_forbidden_is_403_and_unauthorized_401() -> None:
    assert (Forbidden.status, Forbidden.code) == (403, "forbidden")
    assert (Unauthorized.status, Unauthorized.code) == (401, "unauthorized")
