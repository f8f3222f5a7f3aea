"""The HTTP API that apps and operators call."""

import json
from collections.abc import Iterator, Sequence

import jsii
from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_route53_targets as route53_targets
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

_PARTS = {"/v1/devices": 10, "/v1/projects/{writeKey}/settings": 5}
"""Of the stage's throttle, what a route gets: a token is for 90 days, an answer for minutes."""

_FIXED = {"/openapi.json": (2, 5)}
"""Calls a second, and at once, of what is large, needs no key and is for people."""

_ADMIN_THROTTLE = (20, 40)


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
    to another; throttled route by route and logged without a trace of the user.

    On an API that is handed in as `http`, routes are all that is made: throttles, logs, origins
    and names are its owner's.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        track: lambda_.IFunction,
        admin: lambda_.IFunction,
        key: kms.IKey | None,
        http: apigatewayv2.IHttpApi | None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.http = http or self._own(stage)
        routes = dict(self._routes(track, admin))
        self.url = self._serve(stage, routes, key) if http is None else http.api_endpoint

    def grant_admin(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets a principal call every admin route."""
        routes = Stack.of(self).format_arn(
            service="execute-api", resource=self.http.api_id, resource_name="*/*/v1/admin/*"
        )
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=["execute-api:Invoke"], resource_arns=[routes]
        )

    def _own(self, stage: Stage) -> apigatewayv2.HttpApi:
        return apigatewayv2.HttpApi(
            self,
            "Http",
            api_name=f"softask-{stage.name}",
            create_default_stage=False,
            cors_preflight=_cors(stage.allow_origins),
            disable_execute_api_endpoint=not stage.default_endpoint,
        )

    def _routes(
        self, track: lambda_.IFunction, admin: lambda_.IFunction
    ) -> Iterator[tuple[str, apigatewayv2.HttpRoute]]:
        tracking = HttpLambdaIntegration("Track", track)
        for method, path in ROUTES:
            yield f"{method} {path}", self._route(method, path, tracking)
        administration, signed = HttpLambdaIntegration("Admin", admin), HttpIamAuthorizer()
        for method, path in ADMIN:
            yield f"{method} {path}", self._route(method, path, administration, signed)

    def _route(
        self,
        method: str,
        path: str,
        integration: HttpLambdaIntegration,
        authorizer: HttpIamAuthorizer | None = None,
    ) -> apigatewayv2.HttpRoute:
        return apigatewayv2.HttpRoute(
            self,
            f"{method}{path}",
            http_api=self.http,
            route_key=apigatewayv2.HttpRouteKey.with_(path, apigatewayv2.HttpMethod[method]),
            integration=integration,
            authorizer=authorizer,
        )

    def _serve(
        self, stage: Stage, routes: dict[str, apigatewayv2.HttpRoute], key: kms.IKey | None
    ) -> str:
        """Publishes the routes; where."""
        access_log = logs.LogGroup(
            self,
            "AccessLog",
            retention=logs.RetentionDays[stage.log_retention],
            encryption_key=key,
            removal_policy=RemovalPolicy.RETAIN if stage.keep_data else RemovalPolicy.DESTROY,
        )
        domain = self._domain(stage) if stage.domain_name else None
        default = apigatewayv2.HttpStage(
            self,
            "Stage",
            http_api=self.http,
            stage_name="$default",
            auto_deploy=True,
            throttle=apigatewayv2.ThrottleSettings(
                rate_limit=stage.throttle_rate, burst_limit=stage.throttle_burst
            ),
            access_log_settings=_AccessLog(access_log),
            domain_mapping=apigatewayv2.DomainMappingOptions(domain_name=domain)
            if domain
            else None,
        )
        throttles = _throttles(stage)
        for each in default.node.children:
            if isinstance(each, apigatewayv2.CfnStage):
                each.route_settings = throttles
        # API Gateway takes settings of routes that exist, and of no others.
        default.node.add_dependency(*(routes[route] for route in throttles))
        return f"https://{stage.domain_name}/" if domain else default.url

    def _domain(self, stage: Stage) -> apigatewayv2.DomainName:
        domain = apigatewayv2.DomainName(
            self,
            "Domain",
            domain_name=stage.domain_name,
            certificate=acm.Certificate.from_certificate_arn(
                self, "Certificate", stage.certificate_arn
            ),
            security_policy=apigatewayv2.SecurityPolicy.TLS_1_2,
        )
        if stage.hosted_zone_id:
            route53.ARecord(
                self,
                "Name",
                zone=route53.HostedZone.from_hosted_zone_id(self, "Zone", stage.hosted_zone_id),
                # Complete: of the zone, only the id is known here.
                record_name=f"{stage.domain_name}.",
                target=route53.RecordTarget.from_alias(
                    route53_targets.ApiGatewayv2DomainProperties(
                        domain.regional_domain_name, domain.regional_hosted_zone_id
                    )
                ),
            )
        return domain


def _throttles(stage: Stage) -> dict[str, dict[str, int]]:
    """Routes that need not keep up with an app's events: the stage's own limits are for those."""
    parts = {
        path: (max(1, stage.throttle_rate // part), max(1, stage.throttle_burst // part))
        for path, part in _PARTS.items()
    }
    limits = {**parts, **_FIXED, **{path: _ADMIN_THROTTLE for _, path in ADMIN}}
    return {
        f"{method} {path}": {"ThrottlingRateLimit": rate, "ThrottlingBurstLimit": burst}
        for method, path in (*ROUTES, *ADMIN)
        if path in limits
        for rate, burst in [limits[path]]
    }


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
