"""The public routes: what the stack and the dev server route here, and for whose pages."""

ROUTES: tuple[tuple[str, str], ...] = (
    ("POST", "/v1/track"),
    ("POST", "/v1/t"),
    ("POST", "/v1/identify"),
    ("POST", "/v1/i"),
    ("POST", "/v1/alias"),
    ("POST", "/v1/a"),
    ("POST", "/v1/page"),
    ("POST", "/v1/p"),
    ("POST", "/v1/screen"),
    ("POST", "/v1/s"),
    ("POST", "/v1/group"),
    ("POST", "/v1/g"),
    ("POST", "/v1/batch"),
    ("POST", "/v1/b"),
    ("POST", "/v1/actions"),
    ("POST", "/v1/devices"),
    ("GET", "/v1/projects/{writeKey}/settings"),
    ("GET", "/openapi.json"),
)

ORIGIN = r"^(?:\*|[a-z][a-z0-9+.-]*://[A-Za-z0-9.-]+(?::[0-9]{1,5})?)$"
"""Whose pages may call: `scheme://host[:port]`, as a browser spells it, or `*` for all."""

CORS_METHODS = ("GET", "POST", "OPTIONS")
CORS_HEADERS = ("authorization", "content-type", "x-softask-token")
CORS_EXPOSED = ("retry-after",)
CORS_MAX_AGE = 86_400
"""Seconds for which a browser need not ask again."""
