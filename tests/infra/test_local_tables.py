"""The local tables are those of the stack: what is tested on moto is what is deployed."""

import pytest

from cli.local_tables import schemas
from tests.infra.conftest import Stack

pytestmark = pytest.mark.xdist_group("template")

TABLES = {
    "SOFTASK_PROFILES_TABLE": "Tables/Profiles",
    "SOFTASK_WINDOWS_TABLE": "Tables/RetryWindows",
    "SOFTASK_CAMPAIGNS_TABLE": "Tables/Campaigns",
    "SOFTASK_LEDGER_TABLE": "Tables/Ledger",
    "SOFTASK_COUNTERS_TABLE": "Tables/Counters",
}


@pytest.mark.parametrize("variable", TABLES)
def test_a_local_table_has_the_stacks_keys_index_and_stream(dev: Stack, variable: str) -> None:
    deployed = dev.get("AWS::DynamoDB::GlobalTable", TABLES[variable])
    local = schemas()[variable]
    assert local["KeySchema"] == deployed["KeySchema"]
    assert _by_name(local["AttributeDefinitions"]) == _by_name(deployed["AttributeDefinitions"])
    assert local.get("GlobalSecondaryIndexes") == deployed.get("GlobalSecondaryIndexes")
    stream = local.get("StreamSpecification", {}).get("StreamViewType")
    assert stream == deployed.get("StreamSpecification", {}).get("StreamViewType")


def _by_name(definitions: list[dict[str, str]]) -> dict[str, str]:
    return {each["AttributeName"]: each["AttributeType"] for each in definitions}
