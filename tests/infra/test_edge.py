"""What stands before the API: its own name, and CloudFront with WAF for those who want them."""

from collections.abc import Iterator
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from functions.wire.body import MAX_MESSAGE
from infra.examples import behind_cloudfront
from tests.infra.conftest import Deployment, Stack

pytestmark = pytest.mark.xdist_group("template")

NAME = "push.example.com"
CERTIFICATE = "arn:aws:acm:eu-central-1:000000000000:certificate/1"

Json = dict[str, Any]


class TestDomain:
    @pytest.fixture
    def named(self, deployment: Deployment) -> Stack:
        return deployment(
            "prod",
            domainName=NAME,
            certificateArn=CERTIFICATE,
            hostedZoneId="Z123",
            defaultEndpoint="false",
        )

    def test_a_stage_has_the_name_that_aws_gives_it_unless_it_says_another(
        self, stack: Stack
    ) -> None:
        assert stack.of("AWS::ApiGatewayV2::DomainName") == {}
        api = stack.get("AWS::ApiGatewayV2::Api", "Api/Http")
        assert api["DisableExecuteApiEndpoint"] is False

    def test_its_own_name_speaks_tls_1_2_at_least(self, named: Stack) -> None:
        domain = named.get("AWS::ApiGatewayV2::DomainName", "Api/Domain")
        assert domain["DomainName"] == NAME
        (configuration,) = domain["DomainNameConfigurations"]
        assert configuration["CertificateArn"] == CERTIFICATE
        assert configuration["SecurityPolicy"] == "TLS_1_2"
        (mapping,) = named.of("AWS::ApiGatewayV2::ApiMapping").values()
        assert named.show(mapping.properties["DomainName"]) == "Api/Domain"
        assert named.show(named.outputs["ApiUrl"]["Value"]) == f"https://{NAME}/"

    def test_the_other_name_is_switched_off_where_the_stage_says_so(
        self, named: Stack, deployment: Deployment
    ) -> None:
        kept = deployment("prod", domainName=NAME, certificateArn=CERTIFICATE)
        for stack, off in ((named, True), (kept, False)):
            api = stack.get("AWS::ApiGatewayV2::Api", "Api/Http")
            assert api["DisableExecuteApiEndpoint"] is off

    def test_the_name_is_written_in_the_zone_that_the_stage_names(
        self, named: Stack, deployment: Deployment
    ) -> None:
        record = named.get("AWS::Route53::RecordSet", "Api/Name")
        assert (record["Name"], record["Type"]) == (f"{NAME}.", "A")
        assert record["HostedZoneId"] == "Z123"
        target = named.show(record["AliasTarget"]["DNSName"])
        assert target == "Api/Domain.RegionalDomainName"
        elsewhere = deployment("prod", domainName=NAME, certificateArn=CERTIFICATE)
        assert elsewhere.of("AWS::Route53::RecordSet") == {}


@pytest.fixture(scope="module")
def template() -> Template:
    """The stack of the example, before some API."""
    app = cdk.App(context={"origin": "push-origin.example.com"})
    edge = behind_cloudfront.compose(app)
    assert edge.region == "us-east-1"
    return Template.from_stack(edge)


@pytest.fixture(scope="module")
def rules(template: Template) -> dict[str, Json]:
    """The WebACL's, by name."""
    acl = only(template, "AWS::WAFv2::WebACL")
    return {rule["Name"]: rule for rule in acl["Rules"]}


class TestBehindCloudFront:
    def test_the_acl_is_of_the_distribution(self, template: Template) -> None:
        assert only(template, "AWS::WAFv2::WebACL")["Scope"] == "CLOUDFRONT"
        [acl] = template.find_resources("AWS::WAFv2::WebACL")
        assert distribution(template)["WebACLId"] == {"Fn::GetAtt": [acl, "Arn"]}

    def test_nothing_but_the_settings_is_cached_and_that_as_long_as_the_api_says(
        self, template: Template
    ) -> None:
        disabled = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"  # AWS's own policy CachingDisabled
        assert distribution(template)["DefaultCacheBehavior"]["CachePolicyId"] == disabled
        (cached,) = distribution(template)["CacheBehaviors"]
        assert cached["PathPattern"] == "/v1/projects/*"
        policy = only(template, "AWS::CloudFront::CachePolicy")["CachePolicyConfig"]
        assert (policy["MinTTL"], policy["DefaultTTL"], policy["MaxTTL"]) == (0, 0, 300)

    def test_the_way_to_the_api_is_https_and_tls_1_2(self, template: Template) -> None:
        (origin,) = distribution(template)["Origins"]
        assert origin["DomainName"] == "push-origin.example.com"
        assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
        assert origin["CustomOriginConfig"]["OriginSSLProtocols"] == ["TLSv1.2"]
        for behaviour in behaviours(template):
            assert behaviour["ViewerProtocolPolicy"] == "https-only"

    def test_row_50_an_address_has_a_rate(self, rules: dict[str, Json]) -> None:
        rate = rules["rate"]
        assert rate["Action"] == {"Block": {}}
        assert rate["Statement"]["RateBasedStatement"] == {
            "AggregateKeyType": "IP",
            "EvaluationWindowSec": 300,
            "Limit": 10_000,
        }

    def test_a_message_has_the_size_that_the_api_takes_and_a_batch_is_let_through(
        self, template: Template, rules: dict[str, Json]
    ) -> None:
        size, *exempt = rules["size"]["Statement"]["AndStatement"]["Statements"]
        assert size["SizeConstraintStatement"]["Size"] == MAX_MESSAGE
        body = size["SizeConstraintStatement"]["FieldToMatch"]["Body"]
        assert body == {"OversizeHandling": "MATCH"}
        # WAF sees the first bytes alone: as many as are allowed, so what it misses is more.
        acl = only(template, "AWS::WAFv2::WebACL")
        assert acl["AssociationConfig"]["RequestBody"] == {
            "CLOUDFRONT": {"DefaultSizeInspectionLimit": f"KB_{MAX_MESSAGE // 1024}"}
        }
        paths = [
            each["NotStatement"]["Statement"]["ByteMatchStatement"]["SearchString"]
            for each in exempt
        ]
        assert paths == ["/v1/batch", "/v1/b"]

    def test_admin_routes_are_not_for_the_edge(self, rules: dict[str, Json]) -> None:
        admin = rules["admin"]
        assert admin["Action"] == {"Block": {}}
        match = admin["Statement"]["ByteMatchStatement"]
        assert (match["PositionalConstraint"], match["SearchString"]) == (
            "STARTS_WITH",
            "/v1/admin",
        )

    def test_aws_s_own_rules_do_not_judge_bodies(self, rules: dict[str, Json]) -> None:
        managed = {
            name: rule["Statement"]["ManagedRuleGroupStatement"]
            for name, rule in rules.items()
            if "ManagedRuleGroupStatement" in rule["Statement"]
        }
        assert set(managed) == {
            "AWSManagedRulesCommonRuleSet",
            "AWSManagedRulesKnownBadInputsRuleSet",
            "AWSManagedRulesAmazonIpReputationList",
        }
        counted = managed["AWSManagedRulesCommonRuleSet"]["RuleActionOverrides"]
        assert {"SizeRestrictions_BODY", "CrossSiteScripting_BODY"} <= {
            each["Name"] for each in counted
        }
        assert [each["ActionToUse"] for each in counted] == [{"Count": {}}] * len(counted)

    def test_no_request_is_kept(self, template: Template, rules: dict[str, Json]) -> None:
        acl = only(template, "AWS::WAFv2::WebACL")
        for each in (acl, *rules.values()):
            assert each["VisibilityConfig"]["SampledRequestsEnabled"] is False
        assert "Logging" not in distribution(template)

    def test_priorities_are_one_rule_s_each(self, rules: dict[str, Json]) -> None:
        assert len({rule["Priority"] for rule in rules.values()}) == len(rules)

    @pytest.mark.parametrize(
        "origin", ["https://push-origin.example.com/", "push-origin.example.com/v1", "localhost"]
    )
    def test_an_origin_that_is_no_host_is_refused(self, origin: str) -> None:
        with pytest.raises(
            SystemExit, match=r"-c origin: .*a host name such as push\.example\.com"
        ):
            behind_cloudfront.compose(cdk.App(context={"origin": origin}))

    def test_it_says_which_host_the_stage_must_name_to_apps(self, template: Template) -> None:
        [told] = template.find_outputs("PublicHost").values()
        [name] = template.find_resources("AWS::CloudFront::Distribution")
        assert told["Value"] == {"Fn::GetAtt": [name, "DomainName"]}
        assert "publicHost" in told["Description"]

    def test_without_an_origin_it_asks_for_one(self) -> None:
        with pytest.raises(SystemExit, match="-c origin="):
            behind_cloudfront.compose(cdk.App())

    def test_a_name_of_one_s_own_ends_old_tls(self) -> None:
        edge = behind_cloudfront.Edge(
            cdk.App(),
            "Edge",
            origin="push-origin.example.com",
            domain_name=NAME,
            certificate_arn=CERTIFICATE.replace("eu-central-1", behind_cloudfront.REGION),
        )
        shown = distribution(Template.from_stack(edge))
        assert shown["Aliases"] == [NAME]
        assert shown["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"


def only(template: Template, kind: str) -> Json:
    """The properties of the one resource of that type."""
    [resource] = template.find_resources(kind).values()
    properties: Json = resource["Properties"]
    return properties


def distribution(template: Template) -> Json:
    configuration: Json = only(template, "AWS::CloudFront::Distribution")["DistributionConfig"]
    return configuration


def behaviours(template: Template) -> Iterator[Json]:
    yield distribution(template)["DefaultCacheBehavior"]
    yield from distribution(template)["CacheBehaviors"]
