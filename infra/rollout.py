"""How new code takes over from the old: a tenth of the calls first, and back on an alarm."""

from collections.abc import Mapping, Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.function import Function

_AWS_POLICY = "service-role/AWSCodeDeployRoleForLambdaLimited"


class Rollout(Construct):
    """Moves each function's alias `live` by CodeDeploy, for as long as none of `alarms` rings.

    An alarm within ten minutes gives the alias back to the version before, and CloudFormation
    undoes the deployment. So each of them must be able to ring within that time.

    Of `sweep` new code runs within it hardly ever: once a quarter of an hour, and one in ten.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        functions: Mapping[str, Function],
        alarms: Mapping[str, Sequence[cloudwatch.IAlarm]],
    ) -> None:
        super().__init__(scope, construct_id)
        application = codedeploy.LambdaApplication(self, "Application")
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("codedeploy.amazonaws.com"),
            managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name(_AWS_POLICY)],
        )
        for name, function in functions.items():
            codedeploy.LambdaDeploymentGroup(
                self,
                name.capitalize(),
                application=application,
                role=role.without_policy_updates(),
                alias=function.alias,
                deployment_config=codedeploy.LambdaDeploymentConfig.CANARY_10_PERCENT_10_MINUTES,
                alarms=alarms[name],
                auto_rollback=codedeploy.AutoRollbackConfig(
                    failed_deployment=True, stopped_deployment=True, deployment_in_alarm=True
                ),
            )
