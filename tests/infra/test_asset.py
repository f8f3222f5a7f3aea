"""The built asset: what is in it, and that it answers under Lambda's own runtime client."""

import base64
import json
import platform
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from cli.openapi import openapi
from infra import asset
from infra.stages import ROOT, Architecture
from tests.infra.runtime_api import Answer, running

HOST: Architecture = "x86_64" if platform.machine() in {"x86_64", "AMD64"} else "arm64"
HOST_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
MACHINES_OF: dict[Architecture, str] = {"arm64": "aarch64", "x86_64": "x86_64"}
MACHINES = tuple(MACHINES_OF.values())
PYTHON = asset.LAMBDA_PYTHON if asset.find_python(asset.LAMBDA_PYTHON) else HOST_PYTHON

RUNTIME_CLIENT = ("awslambdaric", "simplejson", "snapshot-restore-py")

# Port 9 is closed, so nothing can reach a real account by mistake.
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "dummy",
    "AWS_SECRET_ACCESS_KEY": "dummy",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_LAMBDA_FUNCTION_NAME": "softask",
    "AWS_LAMBDA_FUNCTION_VERSION": "1",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
    "POWERTOOLS_SERVICE_NAME": "softask",
    "POWERTOOLS_LOG_LEVEL": "INFO",
    "SOFTASK_STAGE": "dev",
    "SOFTASK_SALT": "dev/000000000000/eu-central-1",
    "SOFTASK_PROFILES_TABLE": "profiles",
    "SOFTASK_WINDOWS_TABLE": "windows",
    "SOFTASK_CAMPAIGNS_TABLE": "campaigns",
    "SOFTASK_LEDGER_TABLE": "ledger",
    "SOFTASK_WRITE_KEY_HASHES": sha256(b"dev-write-key").hexdigest(),
}

ADMIN_S_OWN = {
    *(f"functions.core.{module}" for module in ("advice", "explain", "known", "testing")),
    *(f"functions.{module}" for module in ("admin.api", "store.changes", "wire.admin")),
}

pytestmark = [
    pytest.mark.xdist_group("asset"),
    pytest.mark.skipif(
        sys.platform != "linux", reason="the asset is built for Linux and cannot run elsewhere"
    ),
]


def build_or_skip(out: Path) -> Path:
    try:
        asset.build(out, platform=asset.PLATFORMS[HOST], python=PYTHON)
    except asset.BuildError as error:
        skip_without_index(error)
    return out


def skip_without_index(error: asset.BuildError) -> None:
    """Skips where the failure is the network's; any other is the build's own and stays one."""
    if re.search("Failed to fetch|network was disabled|error sending request", str(error)):
        pytest.skip("the package index cannot be reached, so the asset cannot be built")
    raise error


def loaded_by(handler: str, folder: Path) -> set[str]:
    """The modules that a cold start of the handler loads."""
    code = f"import sys, {handler}; print(*sys.modules)"
    return set(run_in(folder, code, ENVIRONMENT).split())


def run_in(folder: Path, code: str, environment: dict[str, str]) -> str:
    """What Python prints that has nothing but the folder's modules."""
    python = asset.find_python(PYTHON)
    assert python is not None
    ran = subprocess.run(  # noqa: S603 (our own asset)
        [python, "-S", "-c", code],
        env=environment,
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return ran.stdout


def digest(folder: Path) -> dict[str, str]:
    """SHA-256 of every file, by its path."""
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_or_skip(tmp_path_factory.mktemp("asset"))


@pytest.fixture(scope="module")
def runtime_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """awslambdaric in a folder of its own, as pinned and hashed by the lock file."""
    lock = (ROOT / "requirements" / "dev.txt").read_text()
    pinned = [re.search(rf"(?ms)^{name}==.*?(?=^\S|\Z)", lock) for name in RUNTIME_CLIENT]
    folder = tmp_path_factory.mktemp("awslambdaric")
    requirements = folder / "requirements.txt"
    requirements.write_text("".join(match.group() for match in pinned if match))
    try:
        asset.install(requirements, folder / "site", platform=asset.PLATFORMS[HOST], python=PYTHON)
    except asset.BuildError as error:
        skip_without_index(error)
    return folder / "site"


def test_it_holds_functions_and_runtime_dependencies_only(built: Path) -> None:
    there = {path.name.partition(".cpython-")[0] for path in built.iterdir()}
    assert there - {"__pycache__"} == {
        "functions",
        "_cffi_backend",
        "aws_lambda_powertools",
        "botocore",
        "cryptography",
        "dateutil",
        "jmespath",
        "joserfc",
        "msgspec",
        "pynamodb",
        "six.py",
        "snapshot_restore_py.py",
        "typing_extensions.py",
        "urllib3",
    }


def test_it_is_a_small_part_of_the_250_mb_that_lambda_takes(built: Path) -> None:
    # Half of it is cryptography's one library.
    assert sum(path.stat().st_size for path in built.rglob("*") if path.is_file()) < 35_000_000


def test_what_only_type_checkers_read_is_left_out(built: Path) -> None:
    assert [path for path in built.rglob("*") if path.suffix == ".pyi"] == []


@pytest.mark.parametrize("architecture", asset.PLATFORMS)
def test_every_dependency_has_a_wheel_for_the_platform(
    architecture: Architecture, tmp_path: Path
) -> None:
    platform = asset.PLATFORMS[architecture]
    lock = ROOT / "requirements" / "runtime.txt"
    try:
        asset.install(lock, tmp_path, platform=platform, python=asset.LAMBDA_PYTHON)
    except asset.BuildError as error:
        skip_without_index(error)
    machines = {name for path in tmp_path.rglob("*.so") for name in MACHINES if name in path.name}
    assert machines == {MACHINES_OF[architecture]}


def test_tokens_are_signed_and_verified_without_what_was_left_out(built: Path) -> None:
    code = (
        "from joserfc import jws; from joserfc.jwk import ECKey; "
        "key = ECKey.generate_key('P-256'); "
        "token = jws.serialize_compact({'alg': 'ES256'}, b'{}', key); "
        "print(jws.deserialize_compact(token, key).payload.decode())"
    )
    assert run_in(built, code, ENVIRONMENT).split() == ["{}"]


def test_functions_come_with_the_campaigns_and_the_document_and_nothing_else(built: Path) -> None:
    def sources(folder: Path) -> set[Path]:
        return {path.relative_to(folder) for path in folder.rglob("*.py")}

    assert sources(built / "functions") == sources(ROOT / "functions")
    other = {path.name for path in (built / "functions").rglob("*") if path.is_file()}
    assert {name for name in other if not name.endswith((".py", ".pyc"))} == {
        "campaigns.json",
        "openapi.json",
    }
    campaigns = (built / "functions" / "campaigns.json").read_bytes()
    assert b"push-softask" in campaigns
    assert json.loads(campaigns)


def test_botocore_knows_the_tables_the_bus_and_parameters_alone(built: Path) -> None:
    data = built / "botocore" / "data"
    assert {path.name for path in data.iterdir() if path.is_dir()} == {
        "dynamodb",
        "events",
        "ssm",
    }
    assert {path.name for path in data.iterdir() if path.is_file()} == {
        "_retry.json",
        "endpoints.json",
        "partitions.json",
        "sdk-default-configuration.json",
    }


def test_the_clients_of_the_tables_and_the_bus_find_their_models(built: Path) -> None:
    code = (
        "from functions.ledger import handler; "
        "print(handler._publish.__self__.client.meta.service_model.service_name)"
    )
    ran = run_in(built, code, {**ENVIRONMENT, "SOFTASK_EVENT_BUS": "softask-dev"})
    assert ran.split() == ["events"]
    code = (
        "from functions.store.device_keys import Parameters; "
        "print(Parameters('/softask/dev/device-keys/')._client.meta.service_model.service_name)"
    )
    assert run_in(built, code, ENVIRONMENT).split() == ["ssm"]


def test_compiled_for_the_python_it_runs_on_or_not_at_all(built: Path) -> None:
    tag = f"cpython-{PYTHON.replace('.', '')}"
    compiled = list(built.rglob("*.pyc"))
    assert {path.name.split(".")[-2] for path in compiled} == {tag}
    assert len(compiled) == len(list(built.rglob("*.py")))
    # Bit 0: named by the source's hash; bit 1 unset: Lambda does not look at the source.
    flags = {int.from_bytes(path.read_bytes()[4:8], "little") for path in compiled}
    assert flags == {0b01}


def test_track_s_cold_start_spares_what_only_admin_needs(built: Path) -> None:
    assert loaded_by("functions.admin.handler", built) >= ADMIN_S_OWN
    assert ADMIN_S_OWN.isdisjoint(loaded_by("functions.track.handler", built))


def test_track_loads_no_cryptography_before_it_looks_at_a_token(built: Path) -> None:
    loaded = loaded_by("functions.track.handler", built)
    assert loaded.isdisjoint({"joserfc", "cryptography", "_cffi_backend"})


def test_without_that_python_it_ships_sources_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asset, "find_python", lambda _version: None)
    build_or_skip(tmp_path)
    assert list(tmp_path.rglob("*.pyc")) == []


def test_a_python_that_the_machine_lacks_is_not_downloaded() -> None:
    assert asset.find_python("3.99") is None


def test_two_builds_are_the_same_bytes(built: Path, tmp_path: Path) -> None:
    assert digest(build_or_skip(tmp_path)) == digest(built)


def test_a_failing_tool_says_why(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("not a requirement")
    with pytest.raises(asset.BuildError, match=r"not a requirement"):
        asset.install(requirements, tmp_path / "out", platform=asset.PLATFORMS[HOST], python="3.13")


class TestUnderTheRuntimeClient:
    """Python without site-packages, and only the asset's and the client's folders on its path."""

    @pytest.fixture
    def invoke(self, built: Path, runtime_client: Path, tmp_path: Path) -> "Invoke":
        return Invoke([built, runtime_client], tmp_path / "log.txt")

    @pytest.mark.parametrize("path", ["/v1/track", "/v1/identify", "/v1/batch", "/v1/actions"])
    def test_track_refuses_a_malformed_request(self, invoke: "Invoke", path: str) -> None:
        answer = invoke("functions.track.handler.handler", http_post(path, "{"))
        assert answer.kind == "response", invoke.log()
        assert answer.body["statusCode"] == 400
        assert json.loads(answer.body["body"])["code"] == "invalid_request"

    @pytest.mark.parametrize("write_key", ["dev-write-key", "other"])
    def test_row_51_track_tells_everybody_to_try_again_before_it_has_read_the_keys(
        self, invoke: "Invoke", write_key: str
    ) -> None:
        body = json.dumps({"userId": "u1", "event": "ValueMomentReached"})
        event = http_post("/v1/track", body, write_key=write_key)
        answer = invoke("functions.track.handler.handler", event)
        assert answer.kind == "response", invoke.log()
        assert answer.body["statusCode"] == 503
        assert json.loads(answer.body["body"])["code"] == "try_again"

    def test_track_answers_the_document_of_its_routes(self, invoke: "Invoke") -> None:
        event = http_event("GET", "/openapi.json")
        answer = invoke("functions.track.handler.handler", event)
        assert answer.kind == "response", invoke.log()
        assert answer.body["statusCode"] == 200
        assert answer.body["headers"]["Cache-Control"] == "public, max-age=300"
        assert json.loads(answer.body["body"]) == json.loads(openapi())

    def test_admin_says_try_again_without_its_tables(self, invoke: "Invoke") -> None:
        event = http_event("GET", "/v1/admin/campaigns")
        answer = invoke("functions.admin.handler.handler", event)
        assert answer.kind == "response", invoke.log()
        assert answer.body["statusCode"] == 503
        assert json.loads(answer.body["body"])["code"] == "try_again"

    def test_ledger_names_the_records_that_it_could_not_write(self, invoke: "Invoke") -> None:
        poison = stream_record("1", "MODIFY", NewImage={"outbox": {"B": "bm90IGpzb24="}})
        window = {"window": {"S": "push-softask:1:of_1"}, "due_at": {"N": "1"}}
        unwritten = stream_record("2", "REMOVE", OldImage=window)
        event = {"Records": [poison, unwritten]}
        answer = invoke("functions.ledger.handler.handler", event)
        failures = [{"itemIdentifier": "1"}, {"itemIdentifier": "2"}]
        assert answer == Answer("response", {"batchItemFailures": failures}), invoke.log()

    def test_sweep_stops_in_time_and_says_that_windows_may_be_left(self, invoke: "Invoke") -> None:
        answer = invoke("functions.sweep.handler.handler", {})
        expected = {"deleted": 0, "left": 0, "leftIsExact": False}
        assert answer == Answer("response", expected), invoke.log()


class Invoke:
    """Starts a handler, hands it one event and waits for what comes of it."""

    def __init__(self, folders: list[Path], log: Path) -> None:
        self._folders = folders
        self._log = log

    def __call__(self, handler: str, event: object) -> Answer:
        python = asset.find_python(PYTHON)
        assert python is not None
        environment = {**ENVIRONMENT, "LAMBDA_TASK_ROOT": str(self._folders[0])}
        with running(
            handler,
            python=python,
            folders=self._folders,
            environment=environment,
            log=self._log,
        ) as api:
            api.events.put(event)
            return api.answers.get()

    def log(self) -> str:
        return self._log.read_text()


def stream_record(sequence: str, name: str, **images: object) -> dict[str, object]:
    """One record of a DynamoDB stream event."""
    return {
        "eventID": sequence,
        "eventName": name,
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-central-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1795255200,
            "Keys": {"user_key": {"S": "key"}},
            "SequenceNumber": sequence,
            **images,
        },
    }


def http_post(path: str, body: str, *, write_key: str = "dev-write-key") -> dict[str, object]:
    """An app's call."""
    authorization = base64.b64encode(f"{write_key}:".encode()).decode()
    headers = {"authorization": f"Basic {authorization}", "content-type": "application/json"}
    return {**http_event("POST", path), "headers": headers, "body": body}


def http_event(method: str, path: str) -> dict[str, object]:
    """API Gateway's HTTP event, payload format 2.0."""
    return {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {},
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "api",
            "domainName": "api.example.com",
            "domainPrefix": "api",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "test",
            },
            "requestId": "request",
            "routeKey": f"{method} {path}",
            "stage": "$default",
            "time": "21/Nov/2026:10:00:00 +0000",
            "timeEpoch": 1795255200000,
        },
        "isBase64Encoded": False,
    }
