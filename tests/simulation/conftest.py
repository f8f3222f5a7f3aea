"""The database of the integration tests."""

from tests.integration.conftest import _models_read_once, database, engine

__all__ = ["_models_read_once", "database", "engine"]
