"""The HTTP API that apps and operators call."""

import json

import jsii
from aws_cdk import RemovalPolicy
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk.aws_apigatewayv2_authorizers import HttpIamAuthorizer
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from functions.admin.routes import ROUTES
from functions.track.routes import PATHS
from infra.stages import Stage

# Neither address nor user agent, neither path nor query: nothing that says who called.
_LOGGED = {
    "requestId": "$context.requestId",
    "time": "$context.requestTimeEpoch",
    "route": "$context.routeKey",
    "status": "$context.status",
    "latency": "$context.responseLatency",
    "integrationLatency": "$context.integrationLatency",
    "integrationStatus": "$context.integration.status",
    "responseLength": "$context.responseLength",
    "error": "$context.error.responseType",
}


@jsii.implements(apigatewayv2.IAccessLogSettings)
class _AccessLog:
    def __init__(self, log_group: logs.LogGroup) -> None:
        self._log_group = log_group

    @property
    def destination(self) -> apigatewayv2.IAccessLogDestination:
        return apigatewayv2.LogGroupLogDestination(self._log_group)

    @property
    def format(self) -> apigateway.AccessLogFormat:
        return apigateway.AccessLogFormat.custom(json.dumps(_LOGGED))


class Api(Construct):
    """The public routes to one function and the admin routes, for callers that IAM lets through,
    to another; throttled as a whole and logged without a trace of the user."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        track: lambda_.IFunction,
        admin: lambda_.IFunction,
    ) -> None:
        super().__init__(scope, construct_id)
        api = apigatewayv2.HttpApi(
            self, "Http", api_name=f"softask-{stage.name}", create_default_stage=False
        )
        integration = HttpLambdaIntegration("Track", track)
        for path in PATHS:
            api.add_routes(
                path=path, methods=[apigatewayv2.HttpMethod.POST], integration=integration
            )
        administration = HttpLambdaIntegration("Admin", admin)
        for method, path in ROUTES:
            api.add_routes(
                path=path,
                methods=[apigatewayv2.HttpMethod[method]],
                integration=administration,
                authorizer=HttpIamAuthorizer(),
            )
        access_log = logs.LogGroup(
            self,
            "AccessLog",
            retention=logs.RetentionDays[stage.log_retention],
            removal_policy=RemovalPolicy.RETAIN if stage.keep_data else RemovalPolicy.DESTROY,
        )
        default = apigatewayv2.HttpStage(
            self,
            "Stage",
            http_api=api,
            stage_name="$default",
            auto_deploy=True,
            throttle=apigatewayv2.ThrottleSettings(
                rate_limit=stage.throttle_rate, burst_limit=stage.throttle_burst
            ),
            access_log_settings=_AccessLog(access_log),
        )
        self.url = default.url
