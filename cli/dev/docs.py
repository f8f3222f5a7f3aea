"""`GET /docs`: the API reference, by the Swagger UI that Powertools carries; nothing is fetched.

The document is that of the code as it stands; a deployed stack answers the one that it was built
with.
"""

from functools import cache
from importlib.resources import files

from starlette.responses import HTMLResponse, Response

from cli.dev.environment import WRITE_KEY
from cli.openapi import openapi
from cli.openapi.operation import FIVE_MINUTES, JSON

_SWAGGER_UI = files("aws_lambda_powertools") / "event_handler" / "openapi" / "swagger_ui"

_PAGE = f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Softask: the API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="/docs/swagger-ui.js"></script>
<script>
const page = SwaggerUIBundle({{
  dom_id: "#page",
  url: "/openapi.json",
  validatorUrl: null,
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  onComplete: () => page.preauthorizeBasic("writeKey", "{WRITE_KEY}", ""),
}});
</script>
</body>
</html>
"""

_OWN_ONLY = {"Content-Security-Policy": "default-src 'self' 'unsafe-inline'; img-src 'self' data:"}


def page() -> Response:
    """The page itself, which may load nothing from elsewhere."""
    return HTMLResponse(_PAGE, headers=_OWN_ONLY)


def script() -> Response:
    """Swagger UI."""
    return Response(_read("swagger-ui-bundle.min.js"), media_type="text/javascript")


def style() -> Response:
    """How Swagger UI looks."""
    return Response(_read("swagger-ui.min.css"), media_type="text/css")


def document() -> Response:
    """`GET /openapi.json`."""
    return Response(_document(), media_type=JSON, headers={"Cache-Control": FIVE_MINUTES})


@cache
def _document() -> bytes:
    return openapi()


@cache
def _read(name: str) -> bytes:
    return (_SWAGGER_UI / name).read_bytes()
