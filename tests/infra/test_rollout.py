"""What a stage may ask for beside the backend: canary, backups, a budget, a key of its own."""

import json
from typing import Any

import pytest

from tests.infra.conftest import Deployment, Stack, many
from tests.infra.test_monitoring import metrics_of

pytestmark = pytest.mark.xdist_group("template")

ALIAS = "AWS::Lambda::Alias"
GROUP = "AWS::CodeDeploy::DeploymentGroup"
VAULT = "AWS::Backup::BackupVault"
BUDGET = "AWS::Budgets::Budget"
TABLE = "AWS::DynamoDB::GlobalTable"

FUNCTIONS = ("Track", "Admin", "Sweep", "Ledger")

FAULTS_THAT_ARE_NO_ERRORS = {
    "Track": ("Monitoring/ApiErrors", "Monitoring/CampaignsNotRefreshed"),
    "Ledger": ("Monitoring/LedgerFailing",),
}
"""What a function answers or notes by itself, and so is no error of it for Lambda."""

# What emulators of CloudFormation reject.
UNKNOWN_TO_EMULATORS = (
    "AWS::CodeDeploy::",
    "AWS::Budgets::",
    "AWS::Backup::",
    "AWS::Events::Archive",
    "AWS::CloudWatch::CompositeAlarm",
)


def test_dev_has_nothing_that_an_emulator_rejects(dev: Stack) -> None:
    kinds = {each.type for each in dev.resources.values()}
    assert not {kind for kind in kinds if kind.startswith(UNKNOWN_TO_EMULATORS)}
    assert not any(each.update_policy for each in dev.resources.values())


class TestCanary:
    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_row_53_new_code_gets_a_tenth_of_the_calls_first(self, prod: Stack, name: str) -> None:
        update = prod.of(ALIAS)[f"{name}/Live"].update_policy["CodeDeployLambdaAliasUpdate"]
        assert prod.show(update["DeploymentGroupName"]) == f"Rollout/{name}"
        assert prod.show(update["ApplicationName"]) == "Rollout/Application"
        group = prod.get(GROUP, f"Rollout/{name}")
        assert group["DeploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent10Minutes"

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_row_53_an_alarm_of_the_function_takes_new_code_back(
        self, prod: Stack, name: str
    ) -> None:
        group = prod.get(GROUP, f"Rollout/{name}")
        assert group["AlarmConfiguration"]["Enabled"] is True
        alarms = {prod.show(each["Name"]) for each in group["AlarmConfiguration"]["Alarms"]}
        assert alarms == {f"Monitoring/{name}Errors", *FAULTS_THAT_ARE_NO_ERRORS.get(name, ())}
        rollback = group["AutoRollbackConfiguration"]
        assert rollback["Enabled"] is True
        assert set(rollback["Events"]) == {
            "DEPLOYMENT_FAILURE",
            "DEPLOYMENT_STOP_ON_REQUEST",
            "DEPLOYMENT_STOP_ON_ALARM",
        }

    def test_row_53_every_alarm_that_judges_can_ring_before_the_canary_is_over(
        self, prod: Stack
    ) -> None:
        """Windows slide by the minute: all periods but one must be full, and figures come late."""
        late = 2 * 60
        for group in prod.of(GROUP).values():
            for each in group.properties["AlarmConfiguration"]["Alarms"]:
                alarm = prod.get("AWS::CloudWatch::Alarm", prod.show(each["Name"]))
                period = metrics_of(alarm)[0]["Period"]
                assert (alarm["EvaluationPeriods"] - 1) * period + 60 + late < 10 * 60

    def test_codedeploy_alone_takes_the_role_with_the_policy_that_aws_wrote_for_it(
        self, prod: Stack
    ) -> None:
        role = prod.get("AWS::IAM::Role", "Rollout/Role")
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": "codedeploy.amazonaws.com"}
        (policy,) = map(prod.show, role["ManagedPolicyArns"])
        assert policy.endswith(":policy/service-role/AWSCodeDeployRoleForLambdaLimited")
        assert prod.allowed("Rollout/Role") == set()

    def test_it_is_a_switch(self, deployment: Deployment) -> None:
        without = deployment("prod", canary="false")
        assert not [each for each in without.resources.values() if "CodeDeploy" in each.type]
        assert not any(each.update_policy for each in without.of(ALIAS).values())


class TestBackups:
    def test_a_stage_has_them_where_it_asks(self, stack: Stack) -> None:
        assert stack.of(VAULT) == {}

    def test_every_table_is_copied_daily_and_kept_for_35_days(self, deployment: Deployment) -> None:
        stack = deployment("prod", backups="true")
        plan = stack.get("AWS::Backup::BackupPlan", "Backups/Plan")["BackupPlan"]
        (rule,) = plan["BackupPlanRule"]
        assert rule["ScheduleExpression"] == "cron(0 4 * * ? *)"
        assert rule["Lifecycle"] == {"DeleteAfterDays": 35}
        assert stack.show(rule["TargetBackupVault"]) == "Backups/Vault.BackupVaultName"
        selection = stack.get("AWS::Backup::BackupSelection", "Backups/Plan/Tables")
        chosen = {stack.show(each) for each in selection["BackupSelection"]["Resources"]}
        assert chosen == {f"{name}.Arn" for name in stack.of(TABLE)}
        assert stack.of(VAULT)["Backups/Vault"].deletion_policy == "Retain"


class TestBudget:
    def test_a_stage_has_one_where_it_asks(self, stack: Stack) -> None:
        assert stack.of(BUDGET) == {}

    def test_row_50_mail_comes_before_the_money_is_gone(self, deployment: Deployment) -> None:
        stack = deployment("prod", monthlyBudget="50", alarmEmail="ops@example.com")
        budget = stack.get(BUDGET, "Budget/Monthly")
        assert budget["Budget"] == {
            "BudgetName": "softask-prod",
            "BudgetType": "COST",
            "TimeUnit": "MONTHLY",
            "BudgetLimit": {"Amount": 50, "Unit": "USD"},
        }
        notices = budget["NotificationsWithSubscribers"]
        assert {
            (each["Notification"]["NotificationType"], each["Notification"]["Threshold"])
            for each in notices
        } == {("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)}
        assert [each["Subscribers"] for each in notices] == [
            [{"Address": "ops@example.com", "SubscriptionType": "EMAIL"}]
        ] * 3


class TestCustomerKey:
    KEY = "Encryption/Key"

    @pytest.fixture
    def keyed(self, deployment: Deployment) -> Stack:
        return deployment("prod", customerKey="true", backups="true")

    def test_without_it_aws_s_own_keys_are_used(self, stack: Stack) -> None:
        assert set(stack.of("AWS::KMS::Key")) == {"Monitoring/Key"}

    def test_it_is_the_only_one_and_rotates_and_outlives_the_stack(self, keyed: Stack) -> None:
        assert set(keyed.of("AWS::KMS::Key")) == {self.KEY}
        assert keyed.get("AWS::KMS::Key", self.KEY)["EnableKeyRotation"] is True
        assert keyed.of("AWS::KMS::Key")[self.KEY].deletion_policy == "Retain"

    def test_it_encrypts_all_that_is_kept(self, keyed: Stack) -> None:
        key = f"{self.KEY}.Arn"
        for table in keyed.of(TABLE).values():
            assert table.properties["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
            (replica,) = table.properties["Replicas"]
            assert keyed.show(replica["SSESpecification"]["KMSMasterKeyId"]) == key
        for group in keyed.of("AWS::Logs::LogGroup").values():
            assert keyed.show(group.properties["KmsKeyId"]) == key
        queue = keyed.get("AWS::SQS::Queue", "Sweep/DeadLetters")
        assert keyed.show(queue["KmsMasterKeyId"]) == key
        topic = keyed.get("AWS::SNS::Topic", "Monitoring/Topic")
        assert keyed.show(topic["KmsMasterKeyId"]) == key
        vault = keyed.get(VAULT, "Backups/Vault")
        assert keyed.show(vault["EncryptionKeyArn"]) == key
        assert self.of_bucket(keyed, "Ledger/FailedRecords") == ("aws:kms", key)

    def test_s3_delivers_its_log_under_s3_s_key(self, keyed: Stack) -> None:
        assert self.of_bucket(keyed, "Ledger/Reads") == ("AES256", "None")

    def of_bucket(self, stack: Stack, name: str) -> tuple[str, str]:
        encryption = stack.get("AWS::S3::Bucket", name)["BucketEncryption"]
        (rule,) = encryption["ServerSideEncryptionConfiguration"]
        default = rule["ServerSideEncryptionByDefault"]
        return default["SSEAlgorithm"], stack.show(default.get("KMSMasterKeyID"))

    def test_cloudwatch_uses_it_for_this_account_s_logs_and_for_alarms(self, keyed: Stack) -> None:
        logs = self.statement(keyed, "Service", "logs.")
        assert set(logs["Action"]) == {
            "kms:Decrypt*",
            "kms:Describe*",
            "kms:Encrypt*",
            "kms:GenerateDataKey*",
            "kms:ReEncrypt*",
        }
        groups = logs["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
        assert keyed.show(groups).endswith(":${AWS::AccountId}:log-group:*")
        alarms = self.statement(keyed, "Service", "cloudwatch.")
        assert alarms["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]

    def test_whoever_may_use_a_table_may_use_its_key_through_dynamodb(self, keyed: Stack) -> None:
        statement = self.statement(keyed, "AWS", "*")
        conditions = statement["Condition"]["StringEquals"]
        assert {name: keyed.show(value) for name, value in conditions.items()} == {
            "kms:CallerAccount": "${AWS::AccountId}",
            "kms:ViaService": "dynamodb.${AWS::Region}.amazonaws.com",
        }

    def statement(self, stack: Stack, kind: str, principal: str) -> dict[str, Any]:
        policy = stack.get("AWS::KMS::Key", self.KEY)["KeyPolicy"]
        found: list[dict[str, Any]] = [
            each
            for each in policy["Statement"]
            if stack.show(each["Principal"].get(kind)).startswith(principal)
        ]
        (only,) = found
        return only

    def test_who_writes_under_it_may_use_it_and_nobody_else(self, keyed: Stack) -> None:
        rights = {
            (role, action)
            for role in keyed.of("AWS::IAM::Role")
            for action, _ in keyed.allowed(role)
            if action.startswith("kms:")
        }
        assert rights == {
            ("Ledger/Role", "kms:GenerateDataKey"),
            ("Sweep/SchedulerRole", "kms:Decrypt"),
            ("Sweep/SchedulerRole", "kms:GenerateDataKey"),
        }

    def test_nobody_may_do_everything_but_the_account(self, keyed: Stack) -> None:
        policy = keyed.get("AWS::KMS::Key", self.KEY)["KeyPolicy"]
        every = [each for each in policy["Statement"] if "kms:*" in many(each["Action"])]
        assert [json.dumps(each["Principal"]).count(":root") for each in every] == [1]
