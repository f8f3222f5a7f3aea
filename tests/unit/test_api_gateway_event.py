"""HTTP requests as API Gateway's events (payload 2.0), and answers as responses."""

import base64
import gzip
import json
from typing import Any
from urllib.parse import unquote

import pytest
from starlette.requests import Request

from cli.dev import gateway

NOW = 1_795_255_200_000  # 2026-11-21T10:00:00Z
BODY = b'{"userId":"u1"}'


def request(
    *headers: tuple[str, str],
    method: str = "POST",
    path: str = "/v1/track",
    query: str = "",
) -> Request:
    return Request(
        {
            "type": "http",
            "http_version": "1.1",
            "scheme": "http",
            "server": ("127.0.0.1", 8080),
            "client": ("127.0.0.1", 50_000),
            "method": method,
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        }
    )


def event(*headers: tuple[str, str], body: bytes = BODY, **more: str) -> dict[str, Any]:
    sent = request(*headers, **more)
    route = gateway.match(sent)
    assert route
    return gateway.to_event(sent, route, body, NOW, "r1")


def test_an_event_has_the_shape_of_payload_2_0() -> None:
    made = event(("Host", "localhost:8080"), ("Content-Type", "application/json"))
    assert made == {
        "version": "2.0",
        "routeKey": "POST /v1/track",
        "rawPath": "/v1/track",
        "rawQueryString": "",
        "headers": {
            "host": "localhost:8080",
            "content-type": "application/json",
            "x-forwarded-for": "127.0.0.1",
            "x-forwarded-port": "8080",
            "x-forwarded-proto": "http",
        },
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "dev",
            "domainName": "localhost",
            "domainPrefix": "localhost",
            "http": {
                "method": "POST",
                "path": "/v1/track",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "",
            },
            "requestId": "r1",
            "routeKey": "POST /v1/track",
            "stage": "$default",
            "time": "21/Nov/2026:10:00:00 +0000",
            "timeEpoch": NOW,
        },
        "body": '{"userId":"u1"}',
        "isBase64Encoded": False,
    }


def test_headers_that_are_sent_twice_are_joined_and_lower_cased() -> None:
    made = event(("X-Trace", "a"), ("x-trace", "b"), ("User-Agent", "app/4.2"))
    assert made["headers"]["x-trace"] == "a,b"
    assert made["requestContext"]["http"]["userAgent"] == "app/4.2"


def test_cookies_stand_apart_from_the_headers() -> None:
    made = event(("Cookie", "a=1; b=2"), ("Cookie", "c=3"))
    assert made["cookies"] == ["a=1", "b=2", "c=3"]
    assert "cookie" not in made["headers"]


def test_the_query_is_kept_raw_and_read() -> None:
    made = event(query="tag=a&tag=b&word=two%20words&empty=")
    assert made["rawQueryString"] == "tag=a&tag=b&word=two%20words&empty="
    assert made["queryStringParameters"] == {"tag": "a,b", "word": "two words", "empty": ""}


def test_what_is_empty_is_left_out() -> None:
    made = event(body=b"")
    assert not made["isBase64Encoded"]
    left_out = {"body", "cookies", "queryStringParameters", "pathParameters"}
    assert not left_out & made.keys()


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=utf-8", "text/plain", "application/xml"],
)
def test_text_types_are_handed_over_as_text(content_type: str) -> None:
    made = event(("Content-Type", content_type), body='{"name":"Zoë"}'.encode())
    assert (made["body"], made["isBase64Encoded"]) == ('{"name":"Zoë"}', False)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Content-Type", "application/octet-stream")],
        [("Content-Type", "application/x-www-form-urlencoded")],
    ],
)
def test_every_other_type_and_none_is_handed_over_as_base64(
    headers: list[tuple[str, str]],
) -> None:
    made = event(*headers)
    assert made["isBase64Encoded"]
    assert base64.b64decode(made["body"]) == BODY


def test_a_compressed_body_is_handed_over_as_base64() -> None:
    zipped = gzip.compress(BODY)
    made = event(("Content-Type", "application/json"), ("Content-Encoding", "gzip"), body=zipped)
    assert made["isBase64Encoded"]
    assert base64.b64decode(made["body"]) == zipped


def test_text_that_is_no_utf_8_is_handed_over_as_base64() -> None:
    made = event(("Content-Type", "application/json"), body=b"\xff\xfe")
    assert (made["body"], made["isBase64Encoded"]) == ("//4=", True)


@pytest.mark.parametrize(
    ("sent", "user"),
    [("ada%40example.com", "ada@example.com"), ("a%2Fb", "a/b"), ("100%25", "100%"), ("a", "a")],
)
def test_a_path_s_parameters_come_decoded_beside_the_route_that_was_matched(
    sent: str, user: str
) -> None:
    made = event(method="GET", path=f"/v1/admin/users/{sent}/decisions")
    assert made["routeKey"] == "GET /v1/admin/users/{id}/decisions"
    assert made["requestContext"]["routeKey"] == made["routeKey"]
    assert made["rawPath"] == f"/v1/admin/users/{user}/decisions"
    assert made["pathParameters"] == {"id": user}


@pytest.mark.parametrize(
    ("path", "key"),
    [("dev-write-key", "dev-write-key"), ("a%20b", "a b"), ("%7BwriteKey%7D", "{writeKey}")],
)
def test_the_settings_route_names_the_write_key(path: str, key: str) -> None:
    made = event(method="GET", path=f"/v1/projects/{path}/settings", body=b"")
    assert made["routeKey"] == "GET /v1/projects/{writeKey}/settings"
    assert made["pathParameters"] == {"writeKey": key}


def test_the_public_routes_are_not_the_admin_s() -> None:
    public = [("POST", "/v1/t"), ("GET", "/v1/projects/k/settings"), ("GET", "/openapi.json")]
    for method, path in public:
        found = gateway.match(request(method=method, path=path))
        assert found
        assert not found.is_admin
    admin = gateway.match(request(method="GET", path="/v1/admin/settings"))
    assert admin
    assert admin.is_admin


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/track"),
        ("POST", "/openapi.json"),
        ("POST", "/v1/projects/k/settings"),
        ("GET", "/v1/projects//settings"),
        ("OPTIONS", "/v1/track"),
        ("POST", "/v1/track/"),
        ("GET", "/v1/admin/campaigns/"),
        ("GET", "/v1/admin/campaigns/a/b"),
        ("DELETE", "/v1/admin/campaigns/a"),
    ],
)
def test_what_no_route_is_for_matches_none(method: str, path: str) -> None:
    assert gateway.match(request(method=method, path=path)) is None


def test_an_event_is_json() -> None:
    assert json.loads(json.dumps(event(("Cookie", "a=1"), query="a=1")))


def test_an_answer_becomes_a_response() -> None:
    answer = {
        "statusCode": 429,
        "headers": {"Content-Type": "application/json", "Retry-After": "1"},
        "cookies": ["a=1", "b=2"],
        "body": "{}",
        "isBase64Encoded": False,
    }
    response = gateway.to_response(answer, "r1")
    assert (response.status_code, response.body) == (429, b"{}")
    assert response.headers["content-type"] == "application/json"
    assert response.headers["retry-after"] == "1"
    assert response.headers["apigw-requestid"] == "r1"
    assert response.headers.getlist("set-cookie") == ["a=1", "b=2"]


def test_a_base64_answer_is_decoded() -> None:
    answer = {"statusCode": 200, "body": base64.b64encode(b"\x00\xff").decode()}
    response = gateway.to_response({**answer, "isBase64Encoded": True}, "r1")
    assert response.body == b"\x00\xff"


def test_an_answer_without_a_body_is_an_empty_response() -> None:
    assert gateway.to_response({"statusCode": 204}, "r1").body == b""
