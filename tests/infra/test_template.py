"""What a deployment would create, asserted on the synthesised templates of both stages."""

import json
import re
from hashlib import sha256
from io import StringIO
from typing import Any

import msgspec
import pytest
from aws_cdk import assertions
from rich.console import Console

from functions.admin.routes import ROUTES as ADMIN
from functions.track.routes import ROUTES as PUBLIC
from infra.synth import WIDTH, listing
from tests.infra.conftest import Deployment, Stack

pytestmark = pytest.mark.xdist_group("template")

FUNCTION = "AWS::Lambda::Function"
TABLE = "AWS::DynamoDB::GlobalTable"
MAPPING = "AWS::Lambda::EventSourceMapping"
ROUTE = "AWS::ApiGatewayV2::Route"
LOG_GROUP = "AWS::Logs::LogGroup"

FUNCTIONS = ("Track", "Admin", "Sweep", "Ledger")
TABLES = (
    "Tables/Profiles",
    "Tables/RetryWindows",
    "Tables/Campaigns",
    "Tables/Ledger",
    "Tables/Counters",
)
STREAMS = ("Ledger/Profiles", "Ledger/RetryWindows")
TIMEOUTS = [("Track", 29), ("Admin", 29), ("Sweep", 300), ("Ledger", 60)]

XRAY = {("xray:PutTraceSegments", "*"), ("xray:PutTelemetryRecords", "*")}

SHARED_VARIABLES = frozenset({"SOFTASK_STAGE", "POWERTOOLS_SERVICE_NAME", "POWERTOOLS_LOG_LEVEL"})
PROFILE_VARIABLES = {
    "SOFTASK_SALT": "{stage}/${{AWS::AccountId}}/${{AWS::Region}}",
    "SOFTASK_PROFILES_TABLE": "Tables/Profiles",
    "SOFTASK_WINDOWS_TABLE": "Tables/RetryWindows",
    "SOFTASK_CAMPAIGNS_TABLE": "Tables/Campaigns",
    "SOFTASK_WRITE_KEY_HASHES": "{hashes}",
    "SOFTASK_AUTH": "{auth}",
    "SOFTASK_DEVICE_KEYS": "/softask/{stage}/device-keys/",
}
AUTH = {"dev": "off", "prod": "enforce"}
OWN_VARIABLES = {
    "Track": {**PROFILE_VARIABLES, "SOFTASK_PUBLIC_HOST": ""},
    "Admin": {
        **PROFILE_VARIABLES,
        "SOFTASK_LEDGER_TABLE": "Tables/Ledger",
        "SOFTASK_COUNTERS_TABLE": "Tables/Counters",
    },
    "Sweep": {"SOFTASK_WINDOWS_TABLE": "Tables/RetryWindows"},
    "Ledger": {
        "SOFTASK_LEDGER_TABLE": "Tables/Ledger",
        "SOFTASK_COUNTERS_TABLE": "Tables/Counters",
        "SOFTASK_EVENT_BUS": "Events/Bus",
    },
}


def observability(function: str) -> set[tuple[str, str]]:
    own_logs = f"{function}/Logs.Arn"
    return {("logs:CreateLogStream", own_logs), ("logs:PutLogEvents", own_logs)}


def device_keys(stack: Stack) -> str:
    """The parameters with the private halves of the keys that sign devices' tokens."""
    account = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}"
    return f"{account}:parameter/softask/{stack.stage}/device-keys/*"


def rights(stack: Stack) -> set[tuple[str, str]]:
    """What all roles together are allowed."""
    return {pair for role in stack.of("AWS::IAM::Role") for pair in stack.allowed(role)}


def on_everything(stack: Stack) -> set[tuple[str, str]]:
    return {pair for pair in rights(stack) if pair[1] == "*"}


def table_keys(stack: Stack, table: str) -> dict[str, tuple[str, str]]:
    """Attribute name to (role in the key, type)."""
    properties = stack.get(TABLE, table)
    types = {
        each["AttributeName"]: each["AttributeType"] for each in properties["AttributeDefinitions"]
    }
    return {
        key["AttributeName"]: (key["KeyType"], types[key["AttributeName"]])
        for key in properties["KeySchema"]
    }


class TestPermissions:
    def test_track_reads_and_writes_exactly_its_items(self, stack: Stack) -> None:
        assert stack.allowed("Track/Role") == observability("Track") | {
            ("dynamodb:GetItem", "Tables/Profiles.Arn"),
            ("dynamodb:BatchGetItem", "Tables/Profiles.Arn"),
            ("dynamodb:PutItem", "Tables/Profiles.Arn"),
            ("dynamodb:PutItem", "Tables/RetryWindows.Arn"),
            ("dynamodb:DeleteItem", "Tables/RetryWindows.Arn"),
            ("dynamodb:GetItem", "Tables/Campaigns.Arn"),
            ("ssm:GetParameter", device_keys(stack)),
        }

    def test_admin_publishes_and_explains_and_moves_users_in_and_out(self, stack: Stack) -> None:
        assert stack.allowed("Admin/Role") == observability("Admin") | {
            ("dynamodb:GetItem", "Tables/Profiles.Arn"),
            ("dynamodb:PutItem", "Tables/Profiles.Arn"),
            ("dynamodb:PutItem", "Tables/RetryWindows.Arn"),
            ("dynamodb:DeleteItem", "Tables/RetryWindows.Arn"),
            ("dynamodb:Query", "Tables/RetryWindows.Arn"),
            ("dynamodb:GetItem", "Tables/Ledger.Arn"),
            ("dynamodb:PutItem", "Tables/Ledger.Arn"),
            ("dynamodb:Query", "Tables/Ledger.Arn"),
            ("dynamodb:BatchWriteItem", "Tables/Ledger.Arn"),
            ("dynamodb:Query", "Tables/Counters.Arn"),
            ("dynamodb:GetItem", "Tables/Campaigns.Arn"),
            ("dynamodb:PutItem", "Tables/Campaigns.Arn"),
            ("dynamodb:Query", "Tables/Campaigns.Arn"),
            ("ssm:PutParameter", device_keys(stack)),
        }

    def test_sweep_queries_the_index_and_deletes_windows_only(self, stack: Stack) -> None:
        assert stack.allowed("Sweep/Role") == observability("Sweep") | {
            ("dynamodb:DeleteItem", "Tables/RetryWindows.Arn"),
            ("dynamodb:Query", "Tables/RetryWindows.Arn/index/due"),
        }

    def test_ledger_reads_two_streams_and_keeps_facts_and_failures(self, stack: Stack) -> None:
        read = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
        streams = ("Tables/Profiles.StreamArn", "Tables/RetryWindows.StreamArn")
        assert stack.allowed("Ledger/Role") == observability("Ledger") | {
            ("dynamodb:ConditionCheckItem", "Tables/Ledger.Arn"),
            ("dynamodb:PutItem", "Tables/Ledger.Arn"),
            ("dynamodb:GetItem", "Tables/Ledger.Arn"),
            ("dynamodb:Query", "Tables/Ledger.Arn"),
            ("dynamodb:BatchWriteItem", "Tables/Ledger.Arn"),
            ("dynamodb:UpdateItem", "Tables/Counters.Arn"),
            ("events:PutEvents", "Events/Bus.Arn"),
            ("s3:PutObject", "Ledger/FailedRecords.Arn/*"),
            ("s3:ListBucket", "Ledger/FailedRecords.Arn"),
            *((f"dynamodb:{action}", stream) for action in read for stream in streams),
        }

    def test_the_scheduler_invokes_one_alias_and_nothing_else(self, stack: Stack) -> None:
        assert stack.allowed("Sweep/SchedulerRole") == {
            ("lambda:InvokeFunction", "Sweep/Live"),
            ("sqs:SendMessage", "Sweep/DeadLetters.Arn"),
        }

    def test_only_this_account_s_scheduler_may_take_its_role(self, stack: Stack) -> None:
        role = stack.get("AWS::IAM::Role", "Sweep/SchedulerRole")
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        conditions = statement["Condition"]["StringEquals"]
        assert stack.show(conditions["aws:SourceAccount"]) == "${AWS::AccountId}"
        assert stack.show(conditions["aws:SourceArn"]).endswith(":schedule-group/default")

    def test_there_are_no_roles_but_these_and_no_policy_of_aws_but_codedeploy_s(
        self, stack: Stack
    ) -> None:
        roles = stack.of("AWS::IAM::Role")
        own = {*(f"{name}/Role" for name in FUNCTIONS), "Sweep/SchedulerRole"}
        assert set(roles) - {"Rollout/Role"} == own
        for name in own:
            assert not {"ManagedPolicyArns", "Policies"} & set(roles[name].properties)

    def test_row_48_private_halves_are_track_s_to_read_and_admin_s_to_write(
        self, stack: Stack
    ) -> None:
        rights = {
            (role, action)
            for role in stack.of("AWS::IAM::Role")
            for action, _ in stack.allowed(role)
            if action.startswith("ssm:")
        }
        assert rights == {
            ("Track/Role", "ssm:GetParameter"),
            ("Admin/Role", "ssm:PutParameter"),
        }

    def test_x_ray_s_put_is_the_only_right_on_everything(
        self, stack: Stack, deployment: Deployment
    ) -> None:
        assert on_everything(stack) == set()
        assert on_everything(deployment("prod", tracing="true")) == XRAY

    def test_wildcards_are_within_one_bucket_and_the_stage_s_keys(self, stack: Stack) -> None:
        granted = rights(stack)
        assert not {action for action, _ in granted if "*" in action}
        # The objects of the bucket that holds nothing but failed records, and the stage's keys.
        assert {pair for pair in granted if "*" in pair[1]} == {
            ("s3:PutObject", "Ledger/FailedRecords.Arn/*"),
            ("ssm:GetParameter", device_keys(stack)),
            ("ssm:PutParameter", device_keys(stack)),
        }


class TestTables:
    def test_keys_and_the_index_of_due_windows(self, stack: Stack) -> None:
        assert set(stack.of(TABLE)) == set(TABLES)
        assert table_keys(stack, "Tables/Profiles") == {"user_key": ("HASH", "S")}
        assert table_keys(stack, "Tables/RetryWindows") == {
            "user_key": ("HASH", "S"),
            "campaign": ("RANGE", "S"),
        }
        assert table_keys(stack, "Tables/Campaigns") == {
            "campaign": ("HASH", "S"),
            "version": ("RANGE", "N"),
        }
        assert table_keys(stack, "Tables/Ledger") == {
            "user_key": ("HASH", "S"),
            "fact_id": ("RANGE", "S"),
        }
        assert table_keys(stack, "Tables/Counters") == {
            "campaign_shard": ("HASH", "S"),
            "cell": ("RANGE", "S"),
        }
        (index,) = stack.get(TABLE, "Tables/RetryWindows")["GlobalSecondaryIndexes"]
        assert index == {
            "IndexName": "due",
            "KeySchema": [
                {"AttributeName": "due_shard", "KeyType": "HASH"},
                {"AttributeName": "due_at", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }

    def test_only_retention_window_ends_and_marks_of_deletions_expire_items(
        self, stack: Stack
    ) -> None:
        expiring = {
            name: table.properties["TimeToLiveSpecification"]
            for name, table in stack.of(TABLE).items()
            if "TimeToLiveSpecification" in table.properties
        }
        assert expiring == {
            "Tables/Profiles": {"AttributeName": "retain_until", "Enabled": True},
            "Tables/RetryWindows": {"AttributeName": "expires_at", "Enabled": True},
            "Tables/Ledger": {"AttributeName": "expires_at", "Enabled": True},
        }

    def test_streams_carry_what_the_ledger_needs(self, stack: Stack) -> None:
        views = {
            name: table.properties["StreamSpecification"]["StreamViewType"]
            for name, table in stack.of(TABLE).items()
            if "StreamSpecification" in table.properties
        }
        assert views == {"Tables/Profiles": "NEW_IMAGE", "Tables/RetryWindows": "OLD_IMAGE"}

    @pytest.mark.parametrize("table", TABLES)
    def test_on_demand_encrypted_and_restorable_to_a_second(self, stack: Stack, table: str) -> None:
        properties = stack.get(TABLE, table)
        assert properties["BillingMode"] == "PAY_PER_REQUEST"
        assert properties["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
        for replica in properties["Replicas"]:
            recovery = replica["PointInTimeRecoverySpecification"]
            assert recovery["PointInTimeRecoveryEnabled"] is True

    @pytest.mark.parametrize("table", TABLES)
    def test_prod_keeps_its_tables_and_dev_does_not(
        self, prod: Stack, dev: Stack, table: str
    ) -> None:
        assert prod.of(TABLE)[table].deletion_policy == "Retain"
        assert dev.of(TABLE)[table].deletion_policy == "Delete"
        for stack, protected in ((prod, True), (dev, False)):
            for replica in stack.get(TABLE, table)["Replicas"]:
                assert replica["DeletionProtectionEnabled"] is protected


def functions(stack: Stack) -> list[dict[str, Any]]:
    return [each.properties for each in stack.of(FUNCTION).values()]


class TestFunctions:
    def test_four_functions_of_one_asset(self, stack: Stack) -> None:
        functions = stack.of(FUNCTION)
        assert {name: each.properties["Handler"] for name, each in functions.items()} == {
            f"{name}/Function": f"functions.{name.lower()}.handler.handler" for name in FUNCTIONS
        }
        assert len({json.dumps(each.properties["Code"]) for each in functions.values()}) == 1

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_arm64_python_3_13_with_json_logs(self, stack: Stack, name: str) -> None:
        function = stack.get(FUNCTION, f"{name}/Function")
        assert function["Runtime"] == "python3.13"
        assert function["Architectures"] == ["arm64"]
        assert function["LoggingConfig"]["LogFormat"] == "JSON"
        assert stack.show(function["LoggingConfig"]["LogGroup"]) == f"{name}/Logs"
        assert stack.show(function["Role"]) == f"{name}/Role.Arn"

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_the_alias_live_names_a_published_version(self, stack: Stack, name: str) -> None:
        alias = stack.get("AWS::Lambda::Alias", f"{name}/Live")
        assert alias["Name"] == "live"
        version = stack.show(alias["FunctionVersion"])
        assert version == f"{name}/Function/CurrentVersion.Version"

    @pytest.mark.parametrize(("name", "seconds"), TIMEOUTS)
    def test_timeouts(self, stack: Stack, name: str, seconds: int) -> None:
        assert stack.get(FUNCTION, f"{name}/Function")["Timeout"] == seconds

    def test_snap_start_is_a_context_switch_for_track_alone(
        self, deployment: Deployment, dev: Stack, prod: Stack
    ) -> None:
        def restored(stack: Stack) -> dict[str, str]:
            return {
                name: function.properties["SnapStart"]["ApplyOn"]
                for name, function in stack.of(FUNCTION).items()
                if "SnapStart" in function.properties
            }

        on = {"Track/Function": "PublishedVersions"}
        assert restored(dev) == {}
        assert restored(prod) == on
        assert restored(deployment("dev", snapStart="true")) == on
        assert restored(deployment("prod", snapStart="false")) == {}

    def test_functions_are_traced_where_the_stage_asks_for_it(
        self, stack: Stack, deployment: Deployment
    ) -> None:
        assert not [each for each in functions(stack) if "TracingConfig" in each]
        traced = functions(deployment("prod", tracing="true"))
        assert [each["TracingConfig"] for each in traced] == [{"Mode": "Active"}] * 4

    def test_an_emulator_s_machine_may_choose_the_architecture(
        self, deployment: Deployment
    ) -> None:
        functions = deployment("dev", architecture="x86_64").of(FUNCTION).values()
        assert {each.properties["Architectures"][0] for each in functions} == {"x86_64"}


class TestEnvironment:
    @pytest.mark.parametrize("name", FUNCTIONS)
    @pytest.mark.parametrize("stage", ["dev", "prod"])
    def test_row_48_functions_get_references_and_hashes_never_secrets(
        self, deployment: Deployment, stage: str, name: str
    ) -> None:
        hashes = f"{sha256(b'first').hexdigest()},{sha256(b'second').hexdigest()}"
        stack = deployment(stage, writeKeyHashes=hashes)
        function = stack.get(FUNCTION, f"{name}/Function")
        variables = {
            key: stack.show(value) for key, value in function["Environment"]["Variables"].items()
        }
        own = {key: value for key, value in variables.items() if key not in SHARED_VARIABLES}
        assert own == {
            key: value.format(stage=stage, hashes=hashes, auth=AUTH[stage])
            for key, value in OWN_VARIABLES[name].items()
        }
        assert variables["SOFTASK_STAGE"] == stage
        assert variables["POWERTOOLS_SERVICE_NAME"] == "softask"
        assert variables["POWERTOOLS_LOG_LEVEL"] == function["LoggingConfig"]["ApplicationLogLevel"]

    def test_row_48_no_write_key_is_in_any_template(self, stack: Stack) -> None:
        assert "dev-write-key" not in stack.text

    def test_dev_accepts_the_documented_write_key(self, dev: Stack) -> None:
        variables = dev.get(FUNCTION, "Track/Function")["Environment"]["Variables"]
        expected = sha256(b"dev-write-key").hexdigest()
        assert variables["SOFTASK_WRITE_KEY_HASHES"] == expected

    @pytest.mark.parametrize("name", ["Track", "Admin"])
    def test_a_stage_may_watch_tokens_before_it_asks_for_them(
        self, deployment: Deployment, name: str
    ) -> None:
        function = deployment("prod", auth="observe").get(FUNCTION, f"{name}/Function")
        assert function["Environment"]["Variables"]["SOFTASK_AUTH"] == "observe"

    @pytest.mark.parametrize("name", ["Track", "Admin"])
    def test_a_stage_that_takes_tables_over_keeps_the_salt_that_their_keys_were_made_with(
        self, deployment: Deployment, name: str
    ) -> None:
        salt = "prod/000000000000/eu-west-1"
        function = deployment("prod", salt=salt).get(FUNCTION, f"{name}/Function")
        assert function["Environment"]["Variables"]["SOFTASK_SALT"] == salt

    def test_the_host_that_apps_shall_call_may_be_another(self, deployment: Deployment) -> None:
        stack = deployment("prod", publicHost="push.example.com")
        variables = stack.get(FUNCTION, "Track/Function")["Environment"]["Variables"]
        assert variables["SOFTASK_PUBLIC_HOST"] == "push.example.com"

    def test_prod_without_write_keys_refuses_every_call_and_says_so(
        self, dev: Stack, prod: Stack, deployment: Deployment
    ) -> None:
        variables = prod.get(FUNCTION, "Track/Function")["Environment"]["Variables"]
        assert variables["SOFTASK_WRITE_KEY_HASHES"] == ""
        (remark,) = prod.remarks
        assert "no write keys" in remark
        assert "softask keys create write" in remark
        # Not `-c`: the next deployment without it would refuse every call again.
        assert "-c" not in remark.split()
        assert dev.remarks == ()
        assert deployment("prod", writeKeyHashes=sha256(b"key").hexdigest()).remarks == ()


class TestSweep:
    def test_runs_every_15_minutes_with_a_dead_letter_queue(self, stack: Stack) -> None:
        schedule = stack.get("AWS::Scheduler::Schedule", "Sweep/Schedule")
        assert schedule["ScheduleExpression"] == "rate(15 minutes)"
        assert schedule["State"] == "ENABLED"
        target = schedule["Target"]
        assert stack.show(target["Arn"]) == "Sweep/Live"
        assert stack.show(target["RoleArn"]) == "Sweep/SchedulerRole.Arn"
        assert stack.show(target["DeadLetterConfig"]["Arn"]) == "Sweep/DeadLetters.Arn"
        assert target["RetryPolicy"] == {
            "MaximumEventAgeInSeconds": 900,
            "MaximumRetryAttempts": 3,
        }

    def test_dead_letters_are_encrypted_at_rest_and_on_the_way(self, stack: Stack) -> None:
        assert stack.get("AWS::SQS::Queue", "Sweep/DeadLetters")["SqsManagedSseEnabled"] is True
        policy = stack.get("AWS::SQS::QueuePolicy", "Sweep/DeadLetters/Policy")
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert statement["Effect"] == "Deny"
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}

    def test_a_failed_run_is_not_retried_into_the_next_one(self, stack: Stack) -> None:
        (config,) = stack.of("AWS::Lambda::EventInvokeConfig").values()
        assert stack.show(config.properties["FunctionName"]) == "Sweep/Function"
        assert stack.show(config.properties["Qualifier"]) == "Sweep/Live"
        assert config.properties["MaximumEventAgeInSeconds"] == 900
        assert config.properties["MaximumRetryAttempts"] == 1


class TestLedger:
    @pytest.mark.parametrize(
        ("stream", "table", "patterns"),
        [
            (
                "Ledger/Profiles",
                "Tables/Profiles",
                [
                    {"dynamodb": {"NewImage": {"outbox": {"B": [{"exists": True}]}}}},
                    {"dynamodb": {"NewImage": {"deleted_at": {"N": [{"exists": True}]}}}},
                ],
            ),
            ("Ledger/RetryWindows", "Tables/RetryWindows", [{"eventName": ["REMOVE", "MODIFY"]}]),
        ],
    )
    def test_hears_only_of_outboxes_tombstones_and_windows_that_went_or_moved(
        self, stack: Stack, stream: str, table: str, patterns: list[object]
    ) -> None:
        mapping = stack.get(MAPPING, stream)
        assert stack.show(mapping["EventSourceArn"]) == f"{table}.StreamArn"
        rules = mapping["FilterCriteria"]["Filters"]
        assert [json.loads(rule["Pattern"]) for rule in rules] == patterns
        assert stack.show(mapping["FunctionName"]) == "Ledger/Live:live"

    def test_there_are_no_other_streams(self, stack: Stack) -> None:
        assert set(stack.of(MAPPING)) == set(STREAMS)

    @pytest.mark.parametrize("stream", STREAMS)
    def test_row_49_poison_is_bisected_and_kept_whole_in_s3(
        self, stack: Stack, stream: str
    ) -> None:
        mapping = stack.get(MAPPING, stream)
        assert mapping["StartingPosition"] == "TRIM_HORIZON"
        assert mapping["BisectBatchOnFunctionError"] is True
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["MaximumRetryAttempts"] == 100
        assert mapping["MaximumRecordAgeInSeconds"] == 12 * 3600
        failures = mapping["DestinationConfig"]["OnFailure"]["Destination"]
        assert stack.show(failures) == "Ledger/FailedRecords.Arn"

    def test_failed_records_are_private_encrypted_and_expire(self, stack: Stack) -> None:
        bucket = stack.get("AWS::S3::Bucket", "Ledger/FailedRecords")
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(bucket["PublicAccessBlockConfiguration"]) == 4
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
        assert bucket["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == 30

    def test_failed_records_travel_over_tls_only(self, stack: Stack) -> None:
        policy = stack.get("AWS::S3::BucketPolicy", "Ledger/FailedRecords/Policy")
        statements = policy["PolicyDocument"]["Statement"]
        assert {each["Effect"] for each in statements} == {"Deny"}
        assert {"Bool": {"aws:SecureTransport": "false"}} in [
            each["Condition"] for each in statements
        ]

    def test_failed_records_outlive_the_stack_in_prod_alone(self, prod: Stack, dev: Stack) -> None:
        name = "Ledger/FailedRecords"
        assert prod.of("AWS::S3::Bucket")[name].deletion_policy == "Retain"
        assert dev.of("AWS::S3::Bucket")[name].deletion_policy == "Delete"

    def test_prod_keeps_a_log_of_who_took_failed_records(self, prod: Stack, dev: Stack) -> None:
        assert set(dev.of("AWS::S3::Bucket")) == {"Ledger/FailedRecords"}
        records = prod.get("AWS::S3::Bucket", "Ledger/FailedRecords")
        log = records["LoggingConfiguration"]["DestinationBucketName"]
        assert prod.show(log) == "Ledger/Reads"
        # An access list, CDK's other way, is refused where the bucket's owner is the only one.
        assert "AccessControl" not in prod.get("AWS::S3::Bucket", "Ledger/Reads")
        policy = prod.get("AWS::S3::BucketPolicy", "Ledger/Reads/Policy")["PolicyDocument"]
        (delivery,) = (each for each in policy["Statement"] if each["Effect"] == "Allow")
        assert delivery["Principal"] == {"Service": "logging.s3.amazonaws.com"}
        assert delivery["Action"] == "s3:PutObject"


class TestApi:
    @pytest.mark.parametrize(
        ("function", "expected"),
        [
            ("Track", {f"{method} {path}" for method, path in PUBLIC}),
            ("Admin", {f"{method} {path}" for method, path in ADMIN}),
        ],
    )
    def test_routes_reach_their_function_s_alias(
        self, stack: Stack, function: str, expected: set[str]
    ) -> None:
        (name,) = (
            name
            for name, each in stack.of("AWS::ApiGatewayV2::Integration").items()
            if stack.show(each.properties["IntegrationUri"]) == f"{function}/Live"
            and each.properties["PayloadFormatVersion"] == "2.0"
        )
        assert {
            each.properties["RouteKey"]
            for each in stack.of(ROUTE).values()
            if stack.show(each.properties["Target"]) == f"integrations/{name}"
        } == expected

    def test_every_admin_route_and_no_other_needs_a_signature(self, stack: Stack) -> None:
        signed = {
            each.properties["RouteKey"]: each.properties["AuthorizationType"]
            for each in stack.of(ROUTE).values()
        }
        assert {key for key, kind in signed.items() if kind == "AWS_IAM"} == {
            key for key in signed if " /v1/admin" in key
        }
        assert {kind for key, kind in signed.items() if " /v1/admin" not in key} == {"NONE"}
        assert len(signed) == len(PUBLIC) + len(ADMIN)

    @pytest.mark.parametrize(
        ("function", "expected"),
        [
            ("Track", {f"Api/Http/*/*{path}" for _, path in PUBLIC}),
            ("Admin", {f"Api/Http/*/*{path}" for _, path in ADMIN}),
        ],
    )
    def test_only_the_gateway_may_invoke_and_only_by_these_paths(
        self, stack: Stack, function: str, expected: set[str]
    ) -> None:
        permissions = [
            each.properties
            for each in stack.of("AWS::Lambda::Permission").values()
            if stack.show(each.properties["FunctionName"]) == f"{function}/Live"
        ]
        assert {each["Principal"] for each in permissions} == {"apigateway.amazonaws.com"}
        assert {stack.show(each["SourceArn"]).split(":")[-1] for each in permissions} == expected

    def test_no_other_site_s_page_may_call_unless_a_stage_names_it(
        self, stack: Stack, deployment: Deployment
    ) -> None:
        (api,) = stack.of("AWS::ApiGatewayV2::Api").values()
        assert "CorsConfiguration" not in api.properties
        origins = "https://app.example.com,http://localhost:3000"
        (opened,) = deployment("dev", allowOrigins=origins).of("AWS::ApiGatewayV2::Api").values()
        assert opened.properties["CorsConfiguration"] == {
            "AllowOrigins": ["https://app.example.com", "http://localhost:3000"],
            "AllowMethods": ["GET", "POST", "OPTIONS"],
            "AllowHeaders": ["authorization", "content-type", "x-softask-token"],
            "ExposeHeaders": ["retry-after"],
            "MaxAge": 86_400,
        }

    @pytest.mark.parametrize(("stage", "rate", "burst"), [("dev", 50, 100), ("prod", 1000, 2000)])
    def test_row_50_a_route_throttles(
        self, deployment: Deployment, stage: str, rate: int, burst: int
    ) -> None:
        properties = deployment(stage).get("AWS::ApiGatewayV2::Stage", "Api/Stage")
        assert properties["StageName"] == "$default"
        assert properties["DefaultRouteSettings"] == {
            "ThrottlingRateLimit": rate,
            "ThrottlingBurstLimit": burst,
        }

    @pytest.mark.parametrize(
        ("route", "rate", "burst"),
        [
            ("POST /v1/devices", 100, 200),
            ("GET /v1/projects/{writeKey}/settings", 200, 400),
            ("PUT /v1/admin/campaigns/{id}", 20, 40),
        ],
    )
    def test_row_50_routes_that_need_not_keep_up_with_events_throttle_sooner(
        self, prod: Stack, route: str, rate: int, burst: int
    ) -> None:
        settings = prod.get("AWS::ApiGatewayV2::Stage", "Api/Stage")["RouteSettings"]
        assert settings[route] == {"ThrottlingRateLimit": rate, "ThrottlingBurstLimit": burst}

    def test_row_50_what_needs_no_key_and_no_app_calls_is_hardly_let_through(
        self, stack: Stack
    ) -> None:
        settings = stack.get("AWS::ApiGatewayV2::Stage", "Api/Stage")["RouteSettings"]
        assert settings["GET /openapi.json"] == {
            "ThrottlingRateLimit": 2,
            "ThrottlingBurstLimit": 5,
        }

    def test_row_50_every_admin_route_has_a_throttle_of_its_own(self, stack: Stack) -> None:
        settings = stack.get("AWS::ApiGatewayV2::Stage", "Api/Stage")["RouteSettings"]
        assert {route for route in settings if "/v1/admin/" in route} == {
            f"{method} {path}" for method, path in ADMIN
        }
        assert min(each["ThrottlingRateLimit"] for each in settings.values()) >= 1

    def test_a_route_is_there_before_its_throttle(self, stack: Stack) -> None:
        stage = stack.of("AWS::ApiGatewayV2::Stage")["Api/Stage"]
        first = {
            stack.resources[name].properties["RouteKey"]
            for name in stage.depends_on
            if stack.resources[name].type == ROUTE
        }
        assert first == set(stage.properties["RouteSettings"])

    def test_row_50_track_s_runs_at_once_may_be_capped(
        self, stack: Stack, deployment: Deployment
    ) -> None:
        def capped(stack: Stack) -> dict[str, int]:
            return {
                name: each.properties["ReservedConcurrentExecutions"]
                for name, each in stack.of(FUNCTION).items()
                if "ReservedConcurrentExecutions" in each.properties
            }

        assert capped(stack) == {}
        assert capped(deployment("prod", reservedConcurrency="100")) == {"Track/Function": 100}

    def test_the_access_log_does_not_say_who_called(self, stack: Stack) -> None:
        settings = stack.get("AWS::ApiGatewayV2::Stage", "Api/Stage")["AccessLogSettings"]
        assert stack.show(settings["DestinationArn"]) == "Api/AccessLog.Arn"
        assert set(re.findall(r"\$context\.([\w.]+)", settings["Format"])) == {
            "requestId",
            "requestTimeEpoch",
            "routeKey",
            "status",
            "responseLatency",
            "integrationLatency",
            "integration.status",
            "responseLength",
            "error.responseType",
        }


class TestLogs:
    @pytest.mark.parametrize(("stage", "days"), [("dev", 7), ("prod", 90)])
    def test_every_log_group_forgets(self, deployment: Deployment, stage: str, days: int) -> None:
        groups = deployment(stage).of(LOG_GROUP)
        assert set(groups) == {"Api/AccessLog", *(f"{name}/Logs" for name in FUNCTIONS)}
        assert {each.properties["RetentionInDays"] for each in groups.values()} == {days}


class TestStack:
    @pytest.mark.parametrize(
        "settings", [{}, {"customerKey": "true", "backups": "true"}], ids=["plain", "keyed"]
    )
    def test_no_resource_waits_for_itself(
        self, deployment: Deployment, settings: dict[str, str]
    ) -> None:
        assertions.Template.from_string(deployment("prod", **settings).text)

    def test_outputs_where_the_api_and_the_tables_are(self, stack: Stack) -> None:
        assert set(stack.outputs) == {
            "ApiUrl",
            "EventBus",
            "ProfilesTable",
            "RetryWindowsTable",
            "CampaignsTable",
            "LedgerTable",
            "CountersTable",
            "LedgerFunction",
            "FailedRecords",
            "DeadLetters",
        }


class TestListing:
    """What `make synth` prints."""

    def test_what_differs_between_the_stages_stands_side_by_side(
        self, dev: Stack, prod: Stack
    ) -> None:
        [differs, _] = listed(dev, prod).split("The same in all")
        for setting, (of_dev, of_prod) in {
            "auth": ("off", "enforce"),
            "canary": ("off", "on"),
            "keepData": ("off", "on"),
            "logRetention": ("ONE_WEEK", "THREE_MONTHS"),
            "throttleRate": ("50", "1000"),
            "CloudWatch::Alarm": ("23", "24"),
            "CodeDeploy::Application": ("none", "1"),
        }.items():
            assert re.search(rf"│ {setting} +│ {of_dev} +│ {of_prod} +│", differs)
        assert re.search(r"GlobalTable .* go with the stack .* resist deletion · outlive", differs)

    def test_it_has_every_setting_and_every_kind_of_resource(self, dev: Stack, prod: Stack) -> None:
        shown = listed(dev, prod)
        for setting in set(read_settings(prod)):
            assert setting in shown
        for kind in {each.type for each in prod.resources.values()}:
            assert kind.removeprefix("AWS::") in shown

    def test_it_says_how_it_runs_and_what_guards_it(self, dev: Stack, prod: Stack) -> None:
        [_, same] = listed(dev, prod).split("The same in all")
        for fact in (
            "python3.13 arm64, 512 MB",
            "rate(15 minutes)",
            "100 retries · 12 h at most",
            f"{len(PUBLIC) + len(ADMIN)} · those of /v1/admin by IAM",
            "tracing=off",
        ):
            assert fact in same

    def test_one_stage_alone_differs_from_nothing(self, prod: Stack) -> None:
        shown = listed(prod)
        assert "softask-prod" in shown
        assert "differs" not in shown
        assert "auth=enforce" in shown

    def test_both_stages_fit_on_a_page_where_no_terminal_says_how_wide_it_is(
        self, dev: Stack, prod: Stack
    ) -> None:
        shown = listed(dev, prod, width=WIDTH).splitlines()
        assert max(map(len, shown)) <= WIDTH == 100
        assert len(shown) <= 60


def read_settings(stack: Stack) -> list[str]:
    fields = msgspec.structs.fields(stack.synthesis.stage)
    return [field.encode_name for field in fields if field.name != "name"]


def listed(*stacks: Stack, width: int = 4_000) -> str:
    written = StringIO()
    Console(width=width, file=written).print(*listing([each.synthesis for each in stacks]))
    return written.getvalue()
