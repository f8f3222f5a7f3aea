"""Keys by the operator's routes, and what the app's calls see of them."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

import boto3
import msgspec
import pytest
from botocore.exceptions import ReadTimeoutError
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from joserfc.jwk import ECKey

from functions.admin import key_plans, keys
from functions.core.campaign import Package
from functions.store.campaigns import CHANGES, LIVE, CampaignItem, LiveSet
from functions.wire.tokens import Claims, sign
from tests.integration.conftest import (
    DAY,
    HASHES,
    SECOND,
    WRITE_KEY,
    Admin,
    App,
    Database,
    items,
)
from tests.integration.scheduler import Scheduler

Json = dict[str, Any]
Answer = tuple[int, Json]

SEEDS = range(15)
KEYS = "/v1/admin/keys"
DEPLOYED = f"wk-{HASHES[0][:12]}"
CAMPAIGN = "/v1/admin/campaigns/{id}"
ID = "push-softask"
PARAMETERS = "/softask/test/device-keys/"

PAIR = ec.generate_private_key(ec.SECP256R1())
PEM = PAIR.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
PRIVATE_PEM = PAIR.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
JWK: Json = ECKey.import_key(PEM).as_dict(private=False)
USER = {"use": "user", "issuer": "backend"}

needs_parameters = pytest.mark.usefixtures("_ssm")

TABLES = (
    "SOFTASK_PROFILES_TABLE",
    "SOFTASK_WINDOWS_TABLE",
    "SOFTASK_CAMPAIGNS_TABLE",
    "SOFTASK_LEDGER_TABLE",
    "SOFTASK_COUNTERS_TABLE",
)


def public_pem(curve: ec.EllipticCurve | None = None) -> str:
    """A new one."""
    key = ec.generate_private_key(curve or ec.SECP256R1()).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def rsa_pem() -> str:
    key = rsa.generate_private_key(65537, 2048).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def create(admin: Admin, use: str, **body: Any) -> Json:
    return admin.call("POST", "/keys", {"use": use, **body})


def user_key(admin: Admin, **body: Any) -> Json:
    return create(admin, **{**USER, "publicKey": public_pem(), **body})


def rotate(admin: Admin, id_: str, **body: Any) -> Json:
    return admin.call("POST", "/keys/{id}/rotate", body, id=id_)


def revoke(admin: Admin, id_: str, **query: str) -> Json:
    return admin.call("DELETE", "/keys/{id}", query=query, id=id_)


def listed(admin: Admin) -> dict[str, Json]:
    return {key["id"]: key for key in admin.call("GET", "/keys")["keys"]}


def live() -> LiveSet:
    return msgspec.json.decode(bytes(CampaignItem.get(LIVE, 0).body), type=LiveSet)


def stored_keys() -> Json:
    """As they stand in the table."""
    stored: Json = json.loads(CampaignItem.get(LIVE, 0).body)["keys"]
    return stored


def store_key(id_: str, entry: Any) -> None:
    """One more, as another code than this one writes it."""
    item = CampaignItem.get(LIVE, 0)
    body = json.loads(item.body)
    body["keys"][id_] = entry
    item.update(actions=[CampaignItem.body.set(json.dumps(body).encode())])


def records() -> list[Json]:
    """What each revision changed, without the ids, which no two runs share."""
    bodies = sorted(
        (int(item["version"]["N"]), json.loads(item["body"]["B"]))
        for item in items("SOFTASK_CAMPAIGNS_TABLE")
        if item["campaign"]["S"] == CHANGES
    )
    return [{name: body[name] for name in body if name != "id"} for _, body in bodies]


def is_let_in(app: App, key: str) -> bool:
    """Whether the app may call with it, once every function has looked again."""
    app.now += 20 * SECOND
    basic = b64encode(f"{key}:".encode()).decode()
    body = json.dumps({"userId": "u1", "event": "Looked"})
    status, _ = app.send("/v1/track", body, headers={"authorization": f"Basic {basic}"})
    assert status in (200, 401)
    return status == 200


def parameters() -> dict[str, str]:
    """What SSM holds, by the key's id; each must be encrypted."""
    client = boto3.client("ssm")
    found = client.get_parameters_by_path(Path=PARAMETERS, WithDecryption=True)["Parameters"]
    assert {each["Type"] for each in found} <= {"SecureString"}
    return {each["Name"].removeprefix(PARAMETERS): each["Value"] for each in found}


@pytest.fixture
def strict(database: Database, package: Package) -> App:
    """An app whose stage enforces tokens."""
    database.calls.clear()
    return App(package, "enforce")


@pytest.fixture
def operators(database: Database, package: Package) -> list[Admin]:
    """Each on a function of their own, as Lambda gives them."""
    database.calls.clear()
    return [Admin(package) for _ in range(3)]


@pytest.fixture
def race(database: Database) -> Iterator[Callable[..., list[Any]]]:
    """race(seed, call, …): the calls' results, interleaved at their database calls."""

    def run(seed: int, *calls: Callable[[], Any]) -> list[Any]:
        scheduler = Scheduler(seed)
        database.before = scheduler.turn
        return scheduler.run(*calls)

    yield run
    database.before = lambda _: None


# --- what is there ---


def test_before_any_change_the_deployment_s_write_keys_are_all(
    admin: Admin, database: Database
) -> None:
    answer = admin.call("GET", "/keys")

    assert answer == {
        "success": True,
        "revision": 0,
        "stage": "test",
        "auth": "observe",
        "keys": [{"id": DEPLOYED, "use": "write", "name": ""}],
    }
    # LIVE, and as there is none, whether there ever was one.
    assert database.calls == ["GetItem", "GetItem"]


def test_a_list_says_who_made_a_key_when_and_until_when_it_holds(admin: Admin) -> None:
    made = user_key(admin, name="accounts")["key"]
    rotate(admin, made["id"], publicKey=PEM)

    assert listed(admin)[made["id"]] == {
        "id": made["id"],
        "use": "user",
        "name": "accounts",
        "issuer": "backend",
        "madeAt": "2026-11-21T10:00:00Z",
        "madeBy": admin.by,
        "endsAt": "2026-11-22T10:00:00Z",
    }


# --- making keys ---


def test_a_new_write_key_lets_the_app_in_beside_the_old_one(admin: Admin, app: App) -> None:
    secret = create(admin, "write")["secret"]

    assert secret.startswith("wk_")
    assert is_let_in(app, secret)
    assert is_let_in(app, WRITE_KEY)
    assert not is_let_in(app, f"{secret}x")


def test_a_server_key_is_a_secret_that_lets_its_holder_in(admin: Admin, app: App) -> None:
    answer = create(admin, "server", name="billing")

    assert answer["secret"].startswith("sk_")
    assert len(answer["secret"]) >= 40
    assert answer["key"]["id"].startswith("sk-")
    assert is_let_in(app, answer["secret"])


def test_a_write_key_that_is_in_use_already_is_taken_over_by_its_hash(
    admin: Admin, app: App
) -> None:
    assert not is_let_in(app, "segments-key")

    answer = create(admin, "write", sha256=sha256(b"segments-key").hexdigest())

    assert answer["secret"] is None
    assert is_let_in(app, "segments-key")


@pytest.mark.parametrize("spelled", [PEM, JWK, {**JWK, "use": "sig", "kid": "theirs"}])
def test_a_user_key_is_the_same_however_it_is_spelled(admin: Admin, spelled: Any) -> None:
    answer = create(admin, **USER, publicKey=spelled)

    id_ = answer["key"]["id"]
    assert (answer["secret"], answer["key"]["issuer"]) == (None, "backend")
    assert live().keys[id_].public == {name: JWK[name] for name in ("kty", "crv", "x", "y")}


def test_one_public_key_is_registered_once(admin: Admin) -> None:
    id_ = create(admin, **USER, publicKey=PEM)["key"]["id"]

    error = admin.refused("POST", "/keys", {**USER, "issuer": "other", "publicKey": JWK})

    assert (error["status"], error["code"]) == (409, "key_exists")
    assert id_ in error["message"]


def test_the_deployment_s_own_key_is_known_by_its_hash(admin: Admin) -> None:
    error = admin.refused("POST", "/keys", {"use": "write", "sha256": HASHES[0]})

    assert (error["status"], error["code"]) == (409, "key_exists")
    assert DEPLOYED in error["message"]


@pytest.mark.parametrize(
    "private", [PRIVATE_PEM, ECKey.import_key(PRIVATE_PEM).as_dict(private=True)]
)
def test_a_private_key_is_refused_with_the_advice_to_make_another(
    admin: Admin, private: Any
) -> None:
    error = admin.refused("POST", "/keys", {**USER, "publicKey": private})

    assert (error["status"], error["field"]) == (400, "publicKey")
    assert "make a new pair" in error["message"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"use": "root"}, "use"),
        ({"use": "write", "issuer": "i"}, "issuer"),
        ({"use": "server", "publicKey": PEM}, "publicKey"),
        ({"use": "device", "publicKey": PEM}, "publicKey"),
        ({"use": "server", "sha256": "0" * 64}, "sha256"),
        ({"use": "write", "sha256": "0" * 63}, "sha256"),
        ({"use": "write", "sha256": "A" * 64}, "sha256"),
        ({"use": "write", "sha256": f"{'0' * 64}\n"}, "sha256"),
        ({"use": "write", "sha256": ""}, "sha256"),
        ({"use": "write", "sha256": sha256(b"").hexdigest()}, "sha256"),
        ({"use": "write", "sha256": sha256(b"\n").hexdigest()}, "sha256"),
        ({"use": "user", "issuer": "i"}, "publicKey"),
        ({"use": "user", "publicKey": PEM}, "issuer"),
        ({"use": "user", "publicKey": PEM, "issuer": ""}, "issuer"),
        ({"use": "write", "name": "n" * 101}, "name"),
        ({**USER, "publicKey": ""}, "publicKey"),
        ({**USER, "publicKey": "-----BEGIN PUBLIC KEY-----\n"}, "publicKey"),
        ({**USER, "publicKey": public_pem(ec.SECP384R1())}, "publicKey"),
        ({**USER, "publicKey": public_pem(ec.SECP256K1())}, "publicKey"),
        ({**USER, "publicKey": rsa_pem()}, "publicKey"),
        ({**USER, "publicKey": {"kty": "oct", "k": "c2VjcmV0"}}, "publicKey"),
        ({**USER, "publicKey": {**JWK, "crv": "P-384"}}, "publicKey"),
        ({**USER, "publicKey": {**JWK, "x": JWK["y"]}}, "publicKey"),
        ({**USER, "publicKey": {**JWK, "x": f"{JWK['x']}="}}, "publicKey.x"),
        ({**USER, "publicKey": {**JWK, "x": f"{JWK['x'][:-1]}"}}, "publicKey.x"),
        ({**USER, "publicKey": {**JWK, "y": f"{JWK['y']}AA"}}, "publicKey.y"),
        ({**USER, "publicKey": {**JWK, "y": "é"}}, "publicKey.y"),
        ({**USER, "publicKey": {**JWK, "y": 7}}, "publicKey.y"),
        ({**USER, "publicKey": {"kty": "EC", "crv": "P-256"}}, "publicKey.x"),
    ],
)
def test_what_does_not_go_together_is_refused_and_nothing_is_stored(
    admin: Admin, body: Json, field: str
) -> None:
    error = admin.refused("POST", "/keys", body)

    assert (error["status"], error["code"], error["field"]) == (400, "invalid_request", field)
    assert items("SOFTASK_CAMPAIGNS_TABLE") == []


@pytest.mark.parametrize("held", [{"sha256": "f" * 52}, {"public": {"x": "1"}}])
def test_a_key_whose_id_another_one_has_by_chance_is_refused(admin: Admin, held: Json) -> None:
    digest = "0123456789ab" + "0" * 52
    create(admin, "server")
    there = {"use": "write", **held}
    store_key("wk-0123456789ab", there)

    error = admin.refused("POST", "/keys", {"use": "write", "sha256": digest})

    assert (error["status"], error["code"]) == (409, "key_exists")
    assert "wk-0123456789ab by chance" in error["message"]
    assert stored_keys()["wk-0123456789ab"] == there


def test_a_rotation_takes_no_id_that_is_there(
    admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(admin, "server")
    monkeypatch.setattr(keys, "id_of", lambda *_: DEPLOYED)

    for method, route in (("POST", "/keys"), ("POST", "/keys/{id}/rotate")):
        body = {"use": "write"} if route == "/keys" else {}
        error = admin.refused(method, route, body, id=DEPLOYED)
        assert (error["code"], "by chance" in error["message"]) == ("key_exists", True)


def test_the_first_key_leaves_campaigns_settings_and_write_keys_as_they_were(
    admin: Admin, app: App, package: Package
) -> None:
    create(admin, "server")

    after = live()
    assert (after.revision, after.settings) == (1, package.settings)
    assert after.write_keys == HASHES
    assert set(after.campaigns) == {ID}
    app.now += 20 * SECOND
    assert app.value_moment()


def test_there_are_so_many_keys_at_once_and_no_more(
    admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_plans, "MOST_KEYS", 3)
    create(admin, "server")
    last = create(admin, "server")["key"]["id"]

    assert admin.refused("POST", "/keys", {"use": "server"})["status"] == 413
    revoke(admin, last)
    create(admin, "server")


# --- device keys ---


@needs_parameters
def test_a_device_key_s_private_half_is_a_parameter_that_fits_the_public_one(admin: Admin) -> None:
    answer = create(admin, "device")

    id_ = answer["key"]["id"]
    private = json.loads(parameters()[id_])
    fitting = ECKey.import_key(private)
    assert fitting.is_private
    assert fitting.as_dict(private=False).items() >= live().keys[id_].public.items()
    assert "d" not in live().keys[id_].public
    assert answer["secret"] is None


@needs_parameters
def test_a_device_key_s_private_half_is_put_away_before_anybody_hears_of_the_key(
    admin: Admin, database: Database
) -> None:
    def die(operation: str) -> None:
        if operation == "TransactWriteItems":
            raise KeyboardInterrupt

    database.before = die
    with pytest.raises(KeyboardInterrupt):
        create(admin, "device")
    database.before = lambda _: None

    assert len(parameters()) == 1
    assert list(listed(admin)) == [DEPLOYED]


@needs_parameters
def test_a_device_key_whose_private_half_cannot_be_put_away_is_not_made(
    admin: Admin, database: Database
) -> None:
    def fail(operation: str) -> None:
        if operation == "PutParameter":
            raise ReadTimeoutError(endpoint_url="http://localhost")

    database.before = fail
    assert admin.refused("POST", "/keys", {"use": "device"})["status"] == 503
    assert list(listed(admin)) == [DEPLOYED]


# --- rotation ---


def test_a_rotated_write_key_holds_until_its_overlap_is_over(admin: Admin, app: App) -> None:
    answer = rotate(admin, DEPLOYED, overlapSeconds=3_600)

    assert answer["replaced"]["endsAt"] == "2026-11-21T11:00:00Z"
    assert is_let_in(app, answer["secret"])
    app.now = admin.now + 3_580 * SECOND - 1  # and 20 s go by before it calls
    assert is_let_in(app, WRITE_KEY)
    app.now = admin.now + 3_580 * SECOND
    assert not is_let_in(app, WRITE_KEY)
    assert is_let_in(app, answer["secret"])


@pytest.mark.parametrize(("use", "days"), [("write", 30), ("server", 1), ("user", 1)])
def test_a_key_holds_on_for_as_long_as_those_who_have_it_need(
    admin: Admin, use: str, days: int
) -> None:
    is_user = use == "user"
    id_ = (user_key(admin) if is_user else create(admin, use, name="n"))["key"]["id"]

    answer = rotate(admin, id_, **({"publicKey": public_pem()} if is_user else {}))

    assert live().keys[id_].ends_at == admin.now + days * DAY
    old, new = answer["replaced"], answer["key"]
    assert [new[name] for name in ("use", "name")] == [old[name] for name in ("use", "name")]
    assert new.get("issuer") == old.get("issuer")
    assert "endsAt" not in new


@needs_parameters
def test_a_private_half_that_was_put_away_although_the_answer_was_lost_is_recognised(
    admin: Admin, database: Database
) -> None:
    lost = database.lose_answer("PutParameter")
    id_ = create(admin, "device")["key"]["id"]
    assert lost
    assert list(parameters()) == [id_]


@needs_parameters
def test_a_replaced_device_key_outlives_the_tokens_that_it_signed(admin: Admin) -> None:
    id_ = create(admin, "device")["key"]["id"]

    new = rotate(admin, id_)["key"]["id"]

    assert live().keys[id_].ends_at == admin.now + 90 * DAY
    assert set(parameters()) == {id_, new}


def test_an_overlap_of_nothing_ends_the_old_key_at_once(admin: Admin, app: App) -> None:
    rotate(admin, DEPLOYED, overlapSeconds=0)

    assert not is_let_in(app, WRITE_KEY)
    assert HASHES[0] not in live().write_keys


def test_a_key_is_replaced_once(admin: Admin) -> None:
    rotate(admin, DEPLOYED)

    error = admin.refused("POST", "/keys/{id}/rotate", id=DEPLOYED)

    assert (error["status"], error["code"]) == (409, "key_replaced")
    assert len(listed(admin)) == 2


@needs_parameters
def test_a_rotation_that_is_refused_leaves_no_private_half_behind(admin: Admin) -> None:
    id_ = create(admin, "device")["key"]["id"]
    rotate(admin, id_)

    assert admin.refused("POST", "/keys/{id}/rotate", id=id_)["code"] == "key_replaced"
    assert len(parameters()) == 2


def test_a_user_key_is_rotated_with_the_new_public_key_alone(admin: Admin) -> None:
    id_ = create(admin, **USER, publicKey=PEM)["key"]["id"]

    for body, status in (({}, 400), ({"publicKey": PEM}, 409)):
        error = admin.refused("POST", "/keys/{id}/rotate", body, id=id_)
        assert error["status"] == status
    assert (
        admin.refused("POST", "/keys/{id}/rotate", {"publicKey": PEM}, id=DEPLOYED)["status"] == 400
    )


@pytest.mark.parametrize("span", [-1, 31_536_001, "1d", 1.5])
def test_an_overlap_is_whole_seconds_up_to_a_year(admin: Admin, span: Any) -> None:
    error = admin.refused("POST", "/keys/{id}/rotate", {"overlapSeconds": span}, id=DEPLOYED)

    assert (error["status"], error["field"]) == (400, "overlapSeconds")


def test_what_has_ended_goes_with_the_next_key_that_is_made(admin: Admin) -> None:
    rotate(admin, DEPLOYED, overlapSeconds=60)
    admin.now += 60 * SECOND
    assert DEPLOYED in listed(admin)

    create(admin, "server")

    assert DEPLOYED not in listed(admin)
    assert HASHES[0] not in live().write_keys


# --- revoking ---


def test_a_revoked_key_is_refused_as_soon_as_functions_look_again(admin: Admin, app: App) -> None:
    answer = create(admin, "server")
    assert is_let_in(app, answer["secret"])

    assert revoke(admin, answer["key"]["id"], reason="leaked")["revision"] == 2

    assert not is_let_in(app, answer["secret"])
    assert records()[-1]["change"]["reason"] == "leaked"


def test_the_last_write_key_is_revoked_by_force_alone(admin: Admin, app: App) -> None:
    create(admin, "server")

    error = admin.refused("DELETE", "/keys/{id}", id=DEPLOYED)
    assert (error["status"], error["code"]) == (409, "last_write_key")
    assert admin.refused("DELETE", "/keys/{id}", query={"force": "1"}, id=DEPLOYED)["status"] == 400
    assert is_let_in(app, WRITE_KEY)

    [warning] = revoke(admin, DEPLOYED, force="true")["warnings"]
    assert "no app may call: softask keys create write" in warning
    assert not is_let_in(app, WRITE_KEY)
    assert live().write_keys == ()


def test_a_write_key_that_ends_soon_does_not_stand_in_for_the_last_one(admin: Admin) -> None:
    new = rotate(admin, DEPLOYED)["key"]["id"]

    assert admin.refused("DELETE", "/keys/{id}", id=new)["code"] == "last_write_key"
    revoke(admin, DEPLOYED)
    assert list(listed(admin)) == [new]


@needs_parameters
def test_who_revokes_the_device_key_that_lasts_is_told_when_the_others_end(admin: Admin) -> None:
    first = create(admin, "device")["key"]["id"]
    second = rotate(admin, first)["key"]["id"]

    [warning] = revoke(admin, second)["warnings"]

    assert "2027-02-19T10:00:00Z" in warning
    assert first in warning
    assert "softask keys create device" in warning


@needs_parameters
def test_who_revokes_the_last_device_key_is_told_that_installs_get_no_token(admin: Admin) -> None:
    [warning] = revoke(admin, create(admin, "device")["key"]["id"])["warnings"]

    assert "no install gets a token" in warning


def test_who_revokes_the_user_key_that_lasts_is_told_when_the_others_end(admin: Admin) -> None:
    first = user_key(admin)["key"]["id"]
    second = rotate(admin, first, publicKey=public_pem())["key"]["id"]

    [warning] = revoke(admin, second)["warnings"]

    assert (first in warning, "softask keys create user" in warning) == (True, True)


@needs_parameters
def test_a_revocation_that_leaves_a_key_that_lasts_warns_of_nothing(admin: Admin) -> None:
    first, second = (create(admin, "device")["key"]["id"] for _ in range(2))
    third = rotate(admin, second)["key"]["id"]
    server = create(admin, "server")["key"]["id"]

    assert [revoke(admin, id_)["warnings"] for id_ in (second, third, server)] == [[], [], []]
    assert first in listed(admin)


def test_every_answer_about_keys_names_the_stage(admin: Admin) -> None:
    made = create(admin, "server")
    rotated = rotate(admin, made["key"]["id"])
    revoked = revoke(admin, made["key"]["id"])

    assert {each["stage"] for each in (made, rotated, revoked)} == {"test"}


@pytest.mark.parametrize(("method", "route"), [("DELETE", "/{id}"), ("POST", "/{id}/rotate")])
def test_an_unknown_key_is_not_found(admin: Admin, method: str, route: str) -> None:
    error = admin.refused(method, f"/keys{route}", id="wk-nobodys")

    assert (error["status"], error["code"], error["field"]) == (404, "not_found", "id")
    assert items("SOFTASK_CAMPAIGNS_TABLE") == []


# --- what tokens are worth ---


def signed(kid: str, app: App) -> str:
    """A token of u1's, as the backend that has the pair signs it."""
    now = app.now // SECOND
    claims = Claims("backend", "softask-test", "u1", exp=now + 3_600, iat=now)
    private = ECKey.import_key(PRIVATE_PEM).as_dict(private=True)
    return sign(claims, kid, {name: str(value) for name, value in private.items()})


def status_with(app: App, token: str, **whose: str) -> int:
    """Of a call with that token, once every function has looked again."""
    app.now += 20 * SECOND
    basic = b64encode(f"{WRITE_KEY}:".encode()).decode()
    headers = {"authorization": f"Basic {basic}", "x-softask-token": token}
    status, _ = app.send("/v1/track", json.dumps({**whose, "event": "Looked"}), headers=headers)
    return status


def test_a_user_key_is_worth_something_from_its_registration_to_its_end(
    admin: Admin, strict: App
) -> None:
    unknown = status_with(strict, signed("uk-1", strict), userId="u1")
    id_ = create(admin, **USER, publicKey=PEM)["key"]["id"]
    token = signed(id_, strict)
    assert (unknown, status_with(strict, token, userId="u1")) == (401, 200)
    assert status_with(strict, token, userId="u2") == 403

    rotate(admin, id_, publicKey=public_pem(), overlapSeconds=600)
    assert status_with(strict, token, userId="u1") == 200
    strict.now = admin.now + 580 * SECOND
    assert status_with(strict, token, userId="u1") == 401


def test_a_revoked_user_key_takes_its_tokens_with_it(admin: Admin, strict: App) -> None:
    id_ = create(admin, **USER, publicKey=PEM)["key"]["id"]
    token = signed(id_, strict)
    assert status_with(strict, token, userId="u1") == 200

    revoke(admin, id_)

    assert status_with(strict, token, userId="u1") == 401


@needs_parameters
def test_an_install_s_token_outlives_the_rotation_of_its_key_and_not_its_revocation(
    admin: Admin, strict: App
) -> None:
    id_ = create(admin, "device")["key"]["id"]
    strict.device_keys.put(id_, json.loads(parameters()[id_]))
    strict.now += 20 * SECOND
    install = strict.post("/v1/devices", {})
    token, anonymous_id = install["token"], install["anonymousId"]

    rotate(admin, id_)
    assert status_with(strict, token, anonymousId=anonymous_id) == 200
    revoke(admin, id_)
    assert status_with(strict, token, anonymousId=anonymous_id) == 401


# --- beside other changes, older and newer code ---


def test_every_other_change_leaves_the_keys_as_they_are(admin: Admin, package: Package) -> None:
    create(admin, "server")
    user_key(admin)
    rotate(admin, DEPLOYED)
    before = live()
    [campaign] = package.campaigns
    file, settings = msgspec.to_builtins(campaign), msgspec.to_builtins(package.settings)

    admin.call("PUT", "/campaigns/{id}", {"campaign": file, "expectedVersion": 0}, id=ID)
    admin.call("POST", "/campaigns/{id}/pause", id=ID)
    admin.call("POST", "/campaigns/{id}/resume", id=ID)
    older = {"version": 0, "expectedVersion": 1}
    admin.call("POST", "/campaigns/{id}/rollback", older, id=ID)
    paused = {**settings, "paused": True}
    body = {"settings": paused, "expectedRevision": before.revision + 4}
    admin.call("PUT", "/settings", body)

    after = live()
    assert after.revision == before.revision + 5
    assert (after.keys, after.write_keys) == (before.keys, before.write_keys)


def test_row_54_older_code_finds_the_hashes_of_all_write_keys_that_hold(admin: Admin) -> None:
    first = create(admin, "write")
    rotate(admin, DEPLOYED, overlapSeconds=60)
    create(admin, "server")

    hashes = set(live().write_keys)
    assert len(hashes) == 3
    assert {HASHES[0], sha256(first["secret"].encode()).hexdigest()} < hashes

    revoke(admin, first["key"]["id"])
    assert sha256(first["secret"].encode()).hexdigest() not in live().write_keys


def test_row_54_what_newer_code_keeps_of_a_key_survives_and_goes_with_it(admin: Admin) -> None:
    id_ = create(admin, "server")["key"]["id"]
    store_key(id_, {**stored_keys()[id_], "scopes": ["users"]})

    create(admin, "write")
    assert stored_keys()[id_]["scopes"] == ["users"]

    revoke(admin, id_)
    assert id_ not in stored_keys()


STRANGERS: Json = {
    "pk-1": {"use": "partner", "sha256": "0" * 64, "scopes": ["users"]},
    "pk-2": {"use": "server", "sha256": ["0" * 64], "name": "two hashes"},
    "pk-3": ["partner"],
}


def test_row_54_keys_that_only_newer_code_knows_are_listed_and_survive_every_change(
    admin: Admin, app: App
) -> None:
    secret = create(admin, "server")["secret"]
    for id_, entry in STRANGERS.items():
        store_key(id_, entry)

    made = create(admin, "write")["key"]["id"]
    rotate(admin, DEPLOYED)
    revoke(admin, made)
    admin.call("POST", "/campaigns/{id}/pause", id=ID)

    assert {id_: stored_keys()[id_] for id_ in STRANGERS} == STRANGERS
    told = [listed(admin)[id_] for id_ in STRANGERS]
    assert told == [{"id": id_, "use": "unknown", "name": ""} for id_ in STRANGERS]
    assert is_let_in(app, secret)


@pytest.mark.parametrize(("method", "route"), [("DELETE", "/{id}"), ("POST", "/{id}/rotate")])
def test_row_54_a_key_that_only_newer_code_knows_is_changed_by_that_alone(
    admin: Admin, method: str, route: str
) -> None:
    create(admin, "server")
    store_key("pk-1", STRANGERS["pk-1"])

    error = admin.refused(method, f"/keys{route}", id="pk-1")

    assert (error["status"], error["code"]) == (404, "not_found")
    assert "newer code" in error["message"]
    assert stored_keys()["pk-1"] == STRANGERS["pk-1"]


def test_row_54_no_new_key_takes_the_id_of_one_that_only_newer_code_knows(admin: Admin) -> None:
    create(admin, "server")
    store_key("wk-0123456789ab", STRANGERS["pk-1"])

    digest = "0123456789ab" + "0" * 52
    error = admin.refused("POST", "/keys", {"use": "write", "sha256": digest})

    assert error["code"] == "key_exists"


# --- a LIVE that cannot be used ---


def put_back(**attributes: Any) -> None:
    """A `LIVE` of these attributes as they are stored, by hand."""
    key = {"campaign": {"S": LIVE}, "version": {"N": "0"}}
    item = {**key, **attributes}
    boto3.client("dynamodb").put_item(TableName=CampaignItem.Meta.table_name, Item=item)


@pytest.mark.parametrize(
    "attributes", [{}, {"body": {"S": "{}"}}, {"body": {"B": b"{"}}, {"body": {"B": b"\xff"}}]
)
def test_row_36_every_operator_s_call_says_that_live_cannot_be_read(
    admin: Admin, attributes: Json
) -> None:
    create(admin, "server")
    put_back(**attributes)

    calls = [("GET", "/keys"), ("POST", "/keys"), ("GET", "/campaigns"), ("GET", "/settings")]
    for method, route in calls:
        error = admin.refused(method, route, {"use": "server"})
        assert (error["status"], error["code"]) == (503, "live_unusable")
        assert "docs/operations.md" in error["message"]
    assert "unexpected_fault" not in admin.log.getvalue()


def test_row_51_a_change_of_an_older_live_item_says_that_it_is_older(admin: Admin) -> None:
    create(admin, "server")
    older = CampaignItem.get(LIVE, 0)
    create(admin, "server")
    older.save()

    error = admin.refused("POST", "/keys", {"use": "server"})

    assert (error["status"], error["code"]) == (503, "live_unusable")
    assert "LIVE is of revision 1" in error["message"]
    assert admin.pauses == []


def test_row_51_a_change_without_the_live_item_that_was_there_says_that_it_is_gone(
    admin: Admin,
) -> None:
    create(admin, "server")
    CampaignItem(LIVE, 0).delete()

    error = admin.refused("POST", "/keys", {"use": "server"})

    assert error["code"] == "live_unusable"
    assert "LIVE is gone" in error["message"]


def test_row_51_no_answer_says_of_a_key_that_works_that_it_is_not_there(admin: Admin) -> None:
    older = create(admin, "server")["key"]["id"]
    before = CampaignItem.get(LIVE, 0)
    leaked = create(admin, "server")["key"]["id"]
    before.save()

    calls = [
        ("DELETE", "/keys/{id}", leaked),
        ("POST", "/keys/{id}/rotate", leaked),
        ("GET", "/keys", ""),
        ("POST", "/users/import", ""),
    ]
    for method, route, id_ in calls:
        body = {"users": [{"userId": "u9"}]} if "import" in route else {}
        error = admin.refused(method, route, body, id=id_)
        assert (error["status"], error["code"]) == (503, "live_unusable"), route
    # Nor does taking away what is there hide it.
    assert admin.refused("DELETE", "/keys/{id}", {}, id=older)["code"] == "live_unusable"


def test_each_change_of_a_key_is_recorded_and_logged_under_its_id(admin: Admin) -> None:
    made = create(admin, "server", reason="billing")["key"]["id"]
    new = rotate(admin, made)["key"]["id"]
    revoke(admin, made)

    told = [(each["what"], each["key"], each["campaign"]) for each in records()]
    assert told == [
        ("create_key", made, None),
        ("rotate_key", new, None),
        ("revoke_key", made, None),
    ]
    lines = [json.loads(line) for line in admin.log.getvalue().splitlines()]
    assert [(line["what"], line["key"]) for line in lines] == [each[:2] for each in told]
    assert {line["by"] for line in lines} == {admin.by}


@needs_parameters
def test_a_secret_is_told_once_and_neither_stored_nor_logged(admin: Admin, app: App) -> None:
    answers = [create(admin, use) for use in ("write", "server", "device")]
    answers += [rotate(admin, answer["key"]["id"]) for answer in answers]
    told = [answer["secret"] for answer in answers if answer["secret"]]
    private = {id_: json.loads(value)["d"] for id_, value in parameters().items()}
    for secret in told:
        assert is_let_in(app, secret)
    assert len(told) == 4
    assert len(private) == 2

    stored = "".join(str(items(table)) for table in TABLES)
    logged = admin.log.getvalue() + app.log.getvalue()
    answered = json.dumps([answers[2], answers[5], admin.call("GET", "/keys")])
    for secret in (*told, *private.values()):
        assert secret not in stored
        assert secret not in logged
        assert secret not in answered
    assert all(secret not in str(parameters()) for secret in told)
    assert set(private) <= set(listed(admin))


# --- at once, and after a lost answer ---


@pytest.mark.parametrize("seed", SEEDS)
def test_of_two_rotations_of_one_key_one_is_made(
    operators: list[Admin], race: Callable[..., list[Answer]], seed: int
) -> None:
    ada, bob, _ = operators
    route = "/v1/admin/keys/{id}/rotate"
    answers = race(
        seed,
        lambda: ada.send("POST", route, "{}", id=DEPLOYED),
        lambda: bob.send("POST", route, "{}", id=DEPLOYED),
    )

    assert sorted(status for status, _ in answers) == [200, 409]
    assert len(live().keys) == 2
    assert len(live().write_keys) == 2


@pytest.mark.parametrize("seed", SEEDS)
def test_of_two_write_keys_that_are_revoked_at_once_one_stays(
    operators: list[Admin], race: Callable[..., list[Answer]], seed: int
) -> None:
    ada, bob, _ = operators
    other = create(ada, "write")["key"]["id"]
    route = "/v1/admin/keys/{id}"
    answers = race(
        seed,
        lambda: ada.send("DELETE", route, id=DEPLOYED),
        lambda: bob.send("DELETE", route, id=other),
    )

    assert sorted(status for status, _ in answers) == [200, 409]
    assert len(live().write_keys) == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_first_changes_at_once_keep_every_key_and_every_campaign(
    operators: list[Admin], race: Callable[..., list[Answer]], seed: int
) -> None:
    ada, bob, cyd = operators
    answers = race(
        seed,
        lambda: ada.send("POST", KEYS, '{"use": "server"}'),
        lambda: bob.send("POST", KEYS, '{"use": "write"}'),
        lambda: cyd.send("POST", f"{CAMPAIGN}/pause", id=ID),
    )

    assert [status for status, _ in answers] == [200, 200, 200]
    after = live()
    assert {answer["key"]["id"] for _, answer in answers[:2]} < set(after.keys)
    assert (len(after.keys), len(after.write_keys)) == (3, 2)
    assert after.campaigns[ID].status == "paused"
    assert len(records()) == after.revision == 3


def test_a_key_whose_answer_was_lost_on_the_way_from_the_table_is_made_once(
    admin: Admin, app: App, database: Database
) -> None:
    lost = database.lose_answer("TransactWriteItems")
    answer = create(admin, "server")
    database.after = lambda _: None

    assert lost
    assert len(records()) == 1
    assert is_let_in(app, answer["secret"])
