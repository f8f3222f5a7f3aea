"""The HTTP API that apps and operators call."""

import json
from collections.abc import Sequence

import jsii
from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk.aws_apigatewayv2_authorizers import HttpIamAuthorizer
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from functions.admin.routes import ROUTES as ADMIN
from functions.track.routes import CORS_EXPOSED, CORS_HEADERS, CORS_MAX_AGE, CORS_METHODS, ROUTES
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
            self,
            "Http",
            api_name=f"softask-{stage.name}",
            create_default_stage=False,
            cors_preflight=_cors(stage.allow_origins),
        )
        integration = HttpLambdaIntegration("Track", track)
        for method, path in ROUTES:
            api.add_routes(
                path=path, methods=[apigatewayv2.HttpMethod[method]], integration=integration
            )
        administration = HttpLambdaIntegration("Admin", admin)
        for method, path in ADMIN:
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
        self.http = api
        self.url = default.url


def _cors(origins: Sequence[str]) -> apigatewayv2.CorsPreflightOptions | None:
    """API Gateway then answers preflight requests by itself."""
    if not origins:
        return None
    return apigatewayv2.CorsPreflightOptions(
        allow_origins=list(origins),
        allow_methods=[apigatewayv2.CorsHttpMethod[method] for method in CORS_METHODS],
        allow_headers=list(CORS_HEADERS),
        expose_headers=list(CORS_EXPOSED),
        max_age=Duration.seconds(CORS_MAX_AGE),
    )
