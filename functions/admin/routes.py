"""The admin routes: what the stack and the dev server route here."""

ROUTES: tuple[tuple[str, str], ...] = (
    ("GET", "/v1/admin/campaigns"),
    ("GET", "/v1/admin/campaigns/{id}"),
    ("PUT", "/v1/admin/campaigns/{id}"),
    ("GET", "/v1/admin/campaigns/{id}/versions"),
    ("POST", "/v1/admin/campaigns/{id}/pause"),
    ("POST", "/v1/admin/campaigns/{id}/resume"),
    ("POST", "/v1/admin/campaigns/{id}/rollback"),
    ("POST", "/v1/admin/campaigns/{id}/explain"),
    ("POST", "/v1/admin/campaigns/{id}/test"),
    ("GET", "/v1/admin/campaigns/{id}/report"),
    ("GET", "/v1/admin/settings"),
    ("PUT", "/v1/admin/settings"),
    ("GET", "/v1/admin/users/{id}"),
    ("DELETE", "/v1/admin/users/{id}"),
    ("GET", "/v1/admin/users/{id}/decisions"),
    ("POST", "/v1/admin/users/import"),
    ("GET", "/v1/admin/keys"),
    ("POST", "/v1/admin/keys"),
    ("POST", "/v1/admin/keys/{id}/rotate"),
    ("DELETE", "/v1/admin/keys/{id}"),
)
