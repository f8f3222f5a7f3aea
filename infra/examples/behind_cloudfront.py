r"""CloudFront and AWS WAF in front of a deployment, for those who want limits per address.

    python -m infra.cdk deploy --app "python -m infra.examples.behind_cloudfront" \
      -c origin=push-origin.example.com

`origin` is the host of the output `ApiUrl`; `-c domainName=… -c certificateArn=…` give the
distribution a name of one's own (without one, CloudFront also speaks old TLS). Apps then call the
output `EdgeUrl`; operators go on calling `ApiUrl`, since a signature names the host it is for.

Then give the stage behind it the output `PublicHost` as its setting `publicHost`, and deploy it
again: SDKs that ask for their settings would else be sent to the API's own host, past all this.

What it protects, and what not: whoever calls the distribution is limited by address and filtered.
Whoever calls the API's own address is not. An HTTP API has no resource policy, cannot be reached
by CloudFront alone, and reads no secret header before it starts a function. So give the API a name
that nobody guesses (`domainName`, under a certificate with a wildcard, since certificates are
published), switch off the one that AWS gave it (`defaultEndpoint`: false), and rely on that name
for nothing: throttles, tokens and `reservedConcurrency` hold on every way.
"""

import sys

import aws_cdk as cdk
import msgspec
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from functions.wire.body import MAX_MESSAGE
from infra.stages import HOST_SAYS, Host

REGION = "us-east-1"
"""The one region in which a WebACL for CloudFront may be."""

REQUESTS_IN_FIVE_MINUTES = 10_000
"""From one address. A mobile carrier's gateway is one address for thousands of phones."""

_MANAGED = {
    # These would refuse batches, texts with markup in a property, and SDKs without a name.
    "AWSManagedRulesCommonRuleSet": (
        "SizeRestrictions_BODY",
        "CrossSiteScripting_BODY",
        "GenericLFI_BODY",
        "GenericRFI_BODY",
        "EC2MetaDataSSRF_BODY",
        "NoUserAgent_HEADER",
    ),
    "AWSManagedRulesKnownBadInputsRuleSet": (),
    "AWSManagedRulesAmazonIpReputationList": (),
}
"""AWS's own rules, and those of each that only count."""

_WHOLE = ("/v1/batch", "/v1/b")
"""Bodies that may be larger than a message."""

_AS_IT_IS = [wafv2.CfnWebACL.TextTransformationProperty(priority=0, type="NONE")]


class Edge(cdk.Stack):
    """A distribution with a WebACL before the API at `origin`; caches the settings alone."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        origin: str,
        domain_name: str = "",
        certificate_arn: str = "",
    ) -> None:
        super().__init__(scope, construct_id, env=cdk.Environment(region=REGION))
        acl = wafv2.CfnWebACL(
            self,
            "Acl",
            scope="CLOUDFRONT",
            default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_counted("softask"),
            # WAF looks at the first bytes of a body only: at as many as a message may have.
            association_config=wafv2.CfnWebACL.AssociationConfigProperty(
                request_body={
                    "CLOUDFRONT": wafv2.CfnWebACL.RequestBodyAssociatedResourceTypeConfigProperty(
                        default_size_inspection_limit="KB_32"
                    )
                }
            ),
            rules=[*_own_rules(), *_managed_rules()],
        )
        api = origins.HttpOrigin(
            origin,
            protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
            origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2],
        )
        certificate = (
            acm.Certificate.from_certificate_arn(self, "Certificate", certificate_arn)
            if certificate_arn
            else None
        )
        distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment="Softask, behind AWS WAF",
            web_acl_id=acl.attr_arn,
            domain_names=[domain_name] if domain_name else None,
            certificate=certificate,
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            default_behavior=_behaviour(
                api,
                cloudfront.CachePolicy.CACHING_DISABLED,
                cloudfront.AllowedMethods.ALLOW_ALL,
            ),
            additional_behaviors={
                "/v1/projects/*": _behaviour(
                    api, self._as_long_as_told(), cloudfront.AllowedMethods.ALLOW_GET_HEAD_OPTIONS
                )
            },
        )
        host = domain_name or distribution.distribution_domain_name
        cdk.CfnOutput(self, "EdgeUrl", value=f"https://{host}/", description="What apps call")
        cdk.CfnOutput(
            self, "PublicHost", value=host, description="The setting publicHost of the stage behind"
        )

    def _as_long_as_told(self) -> cloudfront.CachePolicy:
        """What the API's `Cache-Control` allows; nothing is kept without it."""
        return cloudfront.CachePolicy(
            self,
            "Settings",
            comment="As long as Softask says",
            min_ttl=cdk.Duration.seconds(0),
            default_ttl=cdk.Duration.seconds(0),
            max_ttl=cdk.Duration.minutes(5),
            # An answer names the origin whose page may read it.
            header_behavior=cloudfront.CacheHeaderBehavior.allow_list("Origin"),
            enable_accept_encoding_gzip=True,
            enable_accept_encoding_brotli=True,
        )


def _behaviour(
    api: origins.HttpOrigin,
    cache: cloudfront.ICachePolicy,
    methods: cloudfront.AllowedMethods,
) -> cloudfront.BehaviorOptions:
    return cloudfront.BehaviorOptions(
        origin=api,
        allowed_methods=methods,
        cache_policy=cache,
        # API Gateway finds the API by its own host name.
        origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
        viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
    )


def _own_rules() -> list[wafv2.CfnWebACL.RuleProperty]:
    return [
        _blocking("admin", 0, _path("STARTS_WITH", "/v1/admin")),
        _blocking(
            "rate",
            1,
            wafv2.CfnWebACL.StatementProperty(
                rate_based_statement=wafv2.CfnWebACL.RateBasedStatementProperty(
                    aggregate_key_type="IP",
                    limit=REQUESTS_IN_FIVE_MINUTES,
                    evaluation_window_sec=300,
                )
            ),
        ),
        _blocking("size", 2, _all(_too_large(), *(_no(_path("EXACTLY", each)) for each in _WHOLE))),
    ]


def _managed_rules() -> list[wafv2.CfnWebACL.RuleProperty]:
    count = wafv2.CfnWebACL.RuleActionProperty(count={})
    return [
        wafv2.CfnWebACL.RuleProperty(
            name=name,
            priority=10 + position,
            override_action=wafv2.CfnWebACL.OverrideActionProperty(none={}),
            visibility_config=_counted(name),
            statement=wafv2.CfnWebACL.StatementProperty(
                managed_rule_group_statement=wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(
                    vendor_name="AWS",
                    name=name,
                    rule_action_overrides=[
                        wafv2.CfnWebACL.RuleActionOverrideProperty(name=rule, action_to_use=count)
                        for rule in counting
                    ],
                )
            ),
        )
        for position, (name, counting) in enumerate(_MANAGED.items())
    ]


def _blocking(
    name: str, priority: int, statement: wafv2.CfnWebACL.StatementProperty
) -> wafv2.CfnWebACL.RuleProperty:
    return wafv2.CfnWebACL.RuleProperty(
        name=name,
        priority=priority,
        action=wafv2.CfnWebACL.RuleActionProperty(block={}),
        visibility_config=_counted(name),
        statement=statement,
    )


def _counted(name: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    """Counted, and no request is kept: samples hold addresses and headers."""
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=False
    )


def _path(how: str, text: str) -> wafv2.CfnWebACL.StatementProperty:
    return wafv2.CfnWebACL.StatementProperty(
        byte_match_statement=wafv2.CfnWebACL.ByteMatchStatementProperty(
            field_to_match=wafv2.CfnWebACL.FieldToMatchProperty(uri_path={}),
            positional_constraint=how,
            search_string=text,
            text_transformations=_AS_IT_IS,
        )
    )


def _too_large() -> wafv2.CfnWebACL.StatementProperty:
    return wafv2.CfnWebACL.StatementProperty(
        size_constraint_statement=wafv2.CfnWebACL.SizeConstraintStatementProperty(
            comparison_operator="GT",
            size=MAX_MESSAGE,
            field_to_match=wafv2.CfnWebACL.FieldToMatchProperty(
                body=wafv2.CfnWebACL.BodyProperty(oversize_handling="MATCH")
            ),
            text_transformations=_AS_IT_IS,
        )
    )


def _all(*each: wafv2.CfnWebACL.StatementProperty) -> wafv2.CfnWebACL.StatementProperty:
    return wafv2.CfnWebACL.StatementProperty(
        and_statement=wafv2.CfnWebACL.AndStatementProperty(statements=list(each))
    )


def _no(each: wafv2.CfnWebACL.StatementProperty) -> wafv2.CfnWebACL.StatementProperty:
    return wafv2.CfnWebACL.StatementProperty(
        not_statement=wafv2.CfnWebACL.NotStatementProperty(statement=each)
    )


def compose(app: cdk.App) -> Edge:
    """The stack before the `origin` that the app's context names."""
    given = {key: app.node.try_get_context(key) or "" for key in ("domainName", "certificateArn")}
    origin = app.node.try_get_context("origin")
    if not origin:
        sys.exit("say where the API is: -c origin=<host of the output ApiUrl>")
    try:
        msgspec.convert(origin, Host)
    except msgspec.ValidationError:
        sys.exit(f"-c origin: {origin!r} is not {HOST_SAYS}")
    return Edge(
        app,
        "softask-edge",
        origin=origin,
        domain_name=given["domainName"],
        certificate_arn=given["certificateArn"],
    )


if __name__ == "__main__":
    app = cdk.App(analytics_reporting=False)
    compose(app)
    app.synth()
