"""The public paths, all of them POST: what the stack and the dev server route here."""

PATHS = ("/v1/track", "/v1/identify", "/v1/batch", "/v1/actions")
