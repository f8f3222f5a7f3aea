"""The HTTP client of the operator's commands: where it goes, how it signs, what it says."""

import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

from cli.remote import BadTarget, Refused, Remote, RemoteError, Target, Unreachable, path_of

GATEWAY = "https://abc123.execute-api.eu-west-1.amazonaws.com"
LOCAL = "http://127.0.0.1:8080"

DOUBT = " The change may have been made all the same."

Handler = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def sent() -> list[httpx.Request]:
    return []


@pytest.fixture(autouse=True)
def _no_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """So that nobody's own AWS configuration decides."""
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.delenv("AWS_DEFAULT_REGION")


def answering(status: int, body: object = None, **headers: str) -> httpx.MockTransport:
    """A server that always answers so."""
    content = {"json": body} if not isinstance(body, str) else {"text": body}
    return httpx.MockTransport(lambda _: httpx.Response(status, headers=headers, **content))


def noting(sent: list[httpx.Request]) -> httpx.MockTransport:
    """A server that answers `{}` and keeps what it is sent."""

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={})

    return httpx.MockTransport(answer)


def failing(error: Exception) -> httpx.MockTransport:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    return httpx.MockTransport(fail)


def refusal(transport: httpx.MockTransport, url: str = LOCAL) -> RemoteError:
    with Remote(Target(url), transport) as remote, pytest.raises(RemoteError) as refused:
        remote.put(path_of("settings"), {})
    return refused.value


def scope(request: httpx.Request) -> str:
    found = re.search(r"Credential=testing/\d{8}/([^,]+)", request.headers["Authorization"])
    assert found
    return found[1]


# --- where it goes ---


@pytest.mark.parametrize(
    "url",
    [
        "http://abc123.execute-api.eu-west-1.amazonaws.com",
        "http://10.0.0.1:8080",
        "http://127.0.0.1.example.com",
    ],
)
def test_plain_http_never_leaves_the_machine(url: str) -> None:
    with pytest.raises(BadTarget, match="http is only for a server on this machine"):
        Remote(Target(url))


@pytest.mark.parametrize("url", ["", "localhost:8080", "ftp://x", "https://", "http://[::1", "x"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(BadTarget, match="is not a URL such as"):
        Remote(Target(url))


def test_a_password_in_the_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(BadTarget) as refused:
        Remote(Target("https://anna:secret@example.com"))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("url", ["http://localhost:1", "http://[::1]:1", "http://127.0.0.1:1/"])
def test_loopback_is_called_without_a_signature(url: str, sent: list[httpx.Request]) -> None:
    with Remote(Target(url), noting(sent)) as remote:
        remote.get(path_of("campaigns"))

    assert "Authorization" not in sent[0].headers
    assert str(sent[0].url) == url.rstrip("/") + "/v1/admin/campaigns"


class _Plain(BaseHTTPRequestHandler):
    """Answers `{}`, and keeps quiet about it."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


def test_what_stays_on_the_machine_goes_through_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with HTTPServer(("127.0.0.1", 0), _Plain) as server:
        server.timeout = 10
        thread = threading.Thread(target=server.handle_request, daemon=True)
        thread.start()
        with Remote(Target(f"http://127.0.0.1:{server.server_port}")) as remote:
            assert remote.get(path_of("settings")) == {}
        thread.join(10)


def test_an_id_may_hold_any_character(sent: list[httpx.Request]) -> None:
    with Remote(Target(LOCAL), noting(sent)) as remote:
        remote.get(path_of("users", "a/b@c %?#é"), id="a/b@c +&=~é", before=None)

    assert sent[0].url.raw_path == (
        b"/v1/admin/users/a%2Fb%40c%20%25%3F%23%C3%A9?id=a%2Fb%40c%20%2B%26%3D~%C3%A9"
    )


# --- the signature ---


def test_a_call_to_aws_is_signed_for_its_region(sent: list[httpx.Request]) -> None:
    with Remote(Target(GATEWAY), noting(sent)) as remote:
        remote.put(path_of("settings"), {"expectedRevision": 1})

    headers = sent[0].headers
    assert scope(sent[0]) == "eu-west-1/execute-api/aws4_request"
    assert "SignedHeaders=host;x-amz-date," in headers["Authorization"]
    assert headers["Content-Type"] == "application/json"
    assert sent[0].content == b'{"expectedRevision":1}'


def test_the_signature_covers_the_body(sent: list[httpx.Request]) -> None:
    with Remote(Target(GATEWAY), noting(sent)) as remote:
        remote.put(path_of("settings"), {"paused": True})
        remote.put(path_of("settings"), {"paused": False})

    signatures = [request.headers["Authorization"].rpartition("=")[2] for request in sent]
    assert signatures[0] != signatures[1]


def test_temporary_credentials_send_their_token(
    sent: list[httpx.Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a-token")
    with Remote(Target(GATEWAY), noting(sent)) as remote:
        remote.get(path_of("settings"))

    assert sent[0].headers["X-Amz-Security-Token"] == "a-token"
    assert "x-amz-security-token" in sent[0].headers["Authorization"]


def test_a_domain_of_ones_own_needs_a_region(sent: list[httpx.Request]) -> None:
    url = "https://softask.example.com"
    with pytest.raises(BadTarget, match=r"name it \(--region\)"):
        Remote(Target(url))

    with Remote(Target(url, region="eu-north-1"), noting(sent)) as remote:
        remote.get(path_of("settings"))
    assert scope(sent[0]) == "eu-north-1/execute-api/aws4_request"


def test_an_unknown_profile_is_named() -> None:
    with pytest.raises(BadTarget, match="There is no AWS profile nobody here"):
        Remote(Target(GATEWAY, profile="nobody"))


def test_without_credentials_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(BadTarget, match="There are no AWS credentials here"):
        Remote(Target(GATEWAY))


# --- what it says ---


def test_no_dev_server_says_how_to_start_one() -> None:
    said = refusal(failing(httpx.ConnectError("Connection refused")))

    assert isinstance(said, Unreachable)
    assert str(said) == (
        f"Nothing answers at {LOCAL}. Start `softask dev`, or name a server: --url (SOFTASK_URL)."
    )


def test_a_wrong_host_on_aws_asks_for_the_right_url() -> None:
    said = refusal(failing(httpx.ConnectError("Name or service not known")), GATEWAY)

    assert "Name or service not known" in str(said)
    assert str(said).endswith("Is --url the output ApiUrl of the stack?")


def test_a_change_without_an_answer_may_have_been_made() -> None:
    said = refusal(failing(httpx.ReadTimeout("slow")))

    assert isinstance(said, Unreachable)
    assert str(said) == (
        f"{LOCAL} did not answer within 30 s. The change may have been made all the same."
    )


def test_a_broken_connection_is_one_line() -> None:
    said = refusal(failing(httpx.RemoteProtocolError("Server disconnected")))

    assert str(said).startswith(f"{LOCAL} did not answer: Server disconnected")


def test_a_refusal_keeps_code_place_and_message() -> None:
    body = {"code": "invalid_campaign", "message": "unknown key", "field": "campaign.triger"}
    said = refusal(answering(400, body))

    assert isinstance(said, Refused)
    assert (said.status, said.code, said.field) == (400, "invalid_campaign", "campaign.triger")
    assert str(said) == "campaign.triger: unknown key"
    assert said.retry_after is None


def test_what_the_command_filled_in_is_no_place_to_look_at() -> None:
    body = {"code": "not_found", "message": "There is no campaign 'x'.", "field": "id"}

    assert str(refusal(answering(404, body))) == "There is no campaign 'x'."


def test_a_busy_server_says_when_to_come_again() -> None:
    body = {"code": "try_again", "message": "Too many at once."}

    told = refusal(answering(503, body, **{"Retry-After": "7"}))
    silent = refusal(answering(503, body))

    assert isinstance(told, Refused)
    assert isinstance(silent, Refused)
    assert (told.retry_after, silent.retry_after) == (7.0, 1.0)


def test_missing_rights_are_named() -> None:
    said = refusal(answering(403, {"message": "Forbidden"}), GATEWAY)

    assert "refused these credentials (Forbidden)" in str(said)
    assert "execute-api:Invoke" in str(said)


def test_a_route_that_is_not_there_asks_for_the_right_url() -> None:
    assert "has no such route" in str(refusal(answering(404, {"message": "Not Found"})))


def test_any_other_fault_is_told_as_it_is() -> None:
    said = refusal(answering(500, {"message": "Internal Server Error"}))

    assert str(said) == f"{LOCAL} answered 500: Internal Server Error.{DOUBT}"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (502, "<html>"),
        (504, {"message": "Endpoint request timed out"}),
        (503, {"code": "try_again", "message": "Too many at once."}),
    ],
)
def test_a_change_that_ended_in_a_fault_may_have_been_made(status: int, body: object) -> None:
    assert str(refusal(answering(status, body))).endswith(DOUBT)


def test_a_change_that_was_refused_was_not_made() -> None:
    body = {"code": "invalid_request", "message": "No."}
    for status in (400, 404, 409, 429):
        assert DOUBT not in str(refusal(answering(status, body)))


@pytest.mark.parametrize("question", ["explain", "test"])
def test_a_question_that_ended_in_a_fault_changed_nothing(question: str) -> None:
    said = []
    for transport in (answering(500, {"message": "Oh"}), failing(httpx.ReadTimeout("slow"))):
        with Remote(Target(LOCAL), transport) as remote, pytest.raises(RemoteError) as refused:
            remote.post(path_of("campaigns", "x", question), {})
        said.append(str(refused.value))
    assert said == [f"{LOCAL} answered 500: Oh.", f"{LOCAL} did not answer within 30 s."]


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"message": "\xff"}', b"\xff"])
def test_an_answer_that_cannot_be_read_is_told_in_words(content: bytes) -> None:
    for status in (200, 400):
        transport = httpx.MockTransport(lambda _, s=status: httpx.Response(s, content=content))
        assert "but not as Softask does. Is --url right?" in str(refusal(transport))


@pytest.mark.parametrize(("status", "body"), [(200, "<html>"), (200, []), (301, {})])
def test_an_answer_of_something_else_is_not_taken_for_softask_s(status: int, body: object) -> None:
    said = refusal(answering(status, body))

    assert str(said) == f"{LOCAL} answered {status}, but not as Softask does. Is --url right?"


def test_credentials_are_in_no_message() -> None:
    said = refusal(answering(403, {"message": "The security token is invalid"}), GATEWAY)

    assert "testing" not in f"{said} {said!r}"
