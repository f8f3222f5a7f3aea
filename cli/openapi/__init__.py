"""The OpenAPI document (`docs/openapi.json`), made of the types that parse and answer."""

from cli.openapi.document import openapi

__all__ = ["openapi"]
