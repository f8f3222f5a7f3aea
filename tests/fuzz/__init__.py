"""Schemathesis against the dev server: every answer is one that the OpenAPI document tells of."""
