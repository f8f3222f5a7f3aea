"""What Softask's Lambda functions have in common."""

from collections.abc import Mapping, Sequence

from aws_cdk import Annotations, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.stages import Stage

_ARCHITECTURES = {
    "arm64": lambda_.Architecture.ARM_64,
    "x86_64": lambda_.Architecture.X86_64,
}


class Function(Construct):
    """A Lambda function behind the alias `live`, with a role and a log group of its own.

    The role may write to that log group, and to X-Ray where the stage is traced; `allow` grants
    the rest, action by action.
    Callers use `alias`, which always names a published version; metrics are those of `function`,
    of whichever version. `code` holds the whole asset; a subclass names its handler in it, its
    environment, and what it may do. `key` encrypts the log, in place of CloudWatch's own.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        code: lambda_.Code,
        key: kms.IKey | None,
        handler: str,
        environment: Mapping[str, str],
        timeout: Duration,
        description: str,
        snap_start: bool = False,
        reserved_concurrency: int | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        log_group = logs.LogGroup(
            self,
            "Logs",
            retention=logs.RetentionDays[stage.log_retention],
            encryption_key=key,
            removal_policy=RemovalPolicy.RETAIN if stage.keep_data else RemovalPolicy.DESTROY,
        )
        self._role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        self.allow(["logs:CreateLogStream", "logs:PutLogEvents"], log_group.log_group_arn)
        self.function = lambda_.Function(
            self,
            "Function",
            code=code,
            handler=handler,
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=_ARCHITECTURES[stage.architecture],
            description=description,
            environment={
                **environment,
                "POWERTOOLS_SERVICE_NAME": "softask",
                "POWERTOOLS_LOG_LEVEL": stage.log_level,
            },
            memory_size=512,
            timeout=timeout,
            reserved_concurrent_executions=reserved_concurrency,
            role=self._role,
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            # Lambda's own level would otherwise override Powertools' with INFO.
            application_log_level_v2=lambda_.ApplicationLogLevel[stage.log_level],
            # Failed and timed-out invocations only: two lines for each request cost more than it.
            system_log_level_v2=lambda_.SystemLogLevel.WARN,
            tracing=lambda_.Tracing.ACTIVE if stage.tracing else lambda_.Tracing.DISABLED,
            snap_start=lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS if snap_start else None,
        )
        if snap_start:
            # CDK reminds everyone that only published versions restore; `live` names one.
            Annotations.of(self.function).acknowledge_warning(
                "@aws-cdk/aws-lambda:snapStartRequirePublish"
            )
        self.alias = lambda_.Alias(
            self, "Live", alias_name="live", version=self.function.current_version
        )

    def add_environment(self, variable: str, value: str) -> None:
        """Tells the function of something that is built after it."""
        self.function.add_environment(variable, value)

    def allow(self, actions: Sequence[str], *resource_arns: str) -> None:
        """Lets the function do exactly `actions` on exactly these resources."""
        self._role.add_to_policy(
            iam.PolicyStatement(actions=list(actions), resources=list(resource_arns))
        )
