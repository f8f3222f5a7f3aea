"""Softask inside another CDK app, with what that app hands in; and from an installed package."""

import json
import os
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from zipfile import ZipFile

import aws_cdk as cdk
import pytest
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Match, Template

from functions.admin.routes import ROUTES as ADMIN
from functions.track.routes import ROUTES as PUBLIC
from infra import SoftAsk, Stage
from infra.examples import own_app
from infra.stages import ROOT, StageError
from tests.infra.conftest import Stack

pytestmark = pytest.mark.xdist_group("template")

CODE = "handler = None"


class Synthesised:
    """The example's two stacks, and one that Softask has for itself."""

    def __init__(self) -> None:
        app = cdk.App(context={"aws:cdk:bundling-stacks": []})
        data, shop = own_app.compose(app)
        self.data, self.shop = Template.from_stack(data), Template.from_stack(shop)

    @cached_property
    def alone(self) -> Template:
        stack = cdk.Stack(cdk.App(), "Alone")
        SoftAsk(stack, "Push", stage=Stage(name="alone"), code=lambda_.Code.from_inline(CODE))
        return Template.from_stack(stack)


@pytest.fixture(scope="module")
def example() -> Synthesised:
    return Synthesised()


class TestOwnApp:
    def test_tables_are_the_ones_that_were_handed_in(self, example: Synthesised) -> None:
        example.shop.resource_count_is("AWS::DynamoDB::GlobalTable", 0)
        example.data.resource_count_is("AWS::DynamoDB::GlobalTable", 5)
        for function in example.shop.find_resources("AWS::Lambda::Function").values():
            variables = function["Properties"]["Environment"]["Variables"]
            tables = {name: each for name, each in variables.items() if name.endswith("_TABLE")}
            assert tables
            for table in tables.values():
                assert table["Fn::ImportValue"].startswith("shop-data:")

    def test_routes_are_all_that_the_app_s_own_api_is_given(self, example: Synthesised) -> None:
        shop = example.shop
        [(api, properties)] = shop.find_resources("AWS::ApiGatewayV2::Api").items()
        assert properties["Properties"]["Name"] == "shop"
        assert api.startswith("Api")
        shop.resource_count_is("AWS::ApiGatewayV2::Stage", 1)
        stage = Match.object_like({"ApiId": {"Ref": api}, "RouteSettings": Match.absent()})
        shop.has_resource_properties("AWS::ApiGatewayV2::Stage", stage)
        routes = shop.find_resources("AWS::ApiGatewayV2::Route").values()
        assert {each["Properties"]["RouteKey"] for each in routes} == {
            f"{method} {path}" for method, path in (*PUBLIC, *ADMIN)
        }
        assert [each["Properties"]["ApiId"] for each in routes] == [{"Ref": api}] * len(routes)

    def test_operators_may_call_the_admin_routes_and_nothing_else(
        self, example: Synthesised
    ) -> None:
        policies = example.shop.find_resources("AWS::IAM::Policy")
        (policy,) = (each for name, each in policies.items() if name.startswith("Operators"))
        (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
        assert statement["Effect"] == "Allow"
        assert statement["Action"] == "execute-api:Invoke"
        assert json.dumps(statement["Resource"]).endswith('"/*/*/v1/admin/*"]]}')

    def test_alarms_and_events_reach_the_app(self, example: Synthesised) -> None:
        example.shop.has_resource_properties(
            "AWS::SNS::Subscription", {"Endpoint": "ops@shop.example"}
        )
        [bus] = example.shop.find_resources("AWS::Events::EventBus")
        rule = {"EventBusName": {"Ref": bus}}
        example.shop.has_resource_properties("AWS::Events::Rule", rule)

    def test_an_app_s_own_flags_do_not_make_a_bucket_that_s3_refuses(
        self, example: Synthesised
    ) -> None:
        for bucket in example.alone.find_resources("AWS::S3::Bucket").values():
            assert "AccessControl" not in bucket["Properties"]

    def test_alone_it_brings_all_it_needs_and_protects_it(self, example: Synthesised) -> None:
        tables = example.alone.find_resources("AWS::DynamoDB::GlobalTable")
        assert len(tables) == 5
        assert {each["DeletionPolicy"] for each in tables.values()} == {"Retain"}
        variables = Match.object_like({"SOFTASK_AUTH": "enforce", "SOFTASK_STAGE": "alone"})
        example.alone.has_resource_properties(
            "AWS::Lambda::Function", {"Environment": {"Variables": variables}}
        )

    def test_the_doctor_and_the_runbook_find_what_a_stack_of_softask_s_own_has(
        self, example: Synthesised, dev: Stack
    ) -> None:
        assert set(example.shop.find_outputs("*")) == set(dev.outputs)

    def test_the_outputs_name_the_app_s_own_tables_and_api(self, example: Synthesised) -> None:
        outputs = example.shop.find_outputs("*")
        assert outputs["ProfilesTable"]["Value"]["Fn::ImportValue"].startswith("shop-data:")
        [api] = example.shop.find_resources("AWS::ApiGatewayV2::Api")
        assert api in json.dumps(outputs["ApiUrl"]["Value"])

    def test_a_stack_tells_of_one_deployment(self) -> None:
        stack = cdk.Stack(cdk.App(), "Both")
        code = lambda_.Code.from_inline(CODE)
        first, second = (
            SoftAsk(stack, name, stage=Stage(name=name), code=code) for name in ("first", "second")
        )
        first.write_outputs()
        with pytest.raises(StageError, match=r"called \w+ already, .* a stack of its own"):
            second.write_outputs()

    def test_two_deployments_may_share_a_stack(self) -> None:
        stack = cdk.Stack(cdk.App(), "Both")
        code = lambda_.Code.from_inline(CODE)
        for name in ("first", "second"):
            SoftAsk(stack, name, stage=Stage(name=name), code=code)
        Template.from_stack(stack).resource_count_is("AWS::Lambda::Function", 8)

    def test_what_is_the_api_owner_s_business_is_refused(self) -> None:
        stack = cdk.Stack(cdk.App(), "Wrong")
        stage = Stage(name="shop", allow_origins=("https://shop.example",))
        api = apigatewayv2.HttpApi(stack, "Api")
        with pytest.raises(StageError, match="for an API that Softask makes"):
            SoftAsk(stack, "Push", stage=stage, code=lambda_.Code.from_inline(CODE), api=api)

    def test_a_wrong_value_is_named(self) -> None:
        stack = cdk.Stack(cdk.App(), "Wrong")
        with pytest.raises(StageError, match=r"Stage: .*throttleRate"):
            SoftAsk(stack, "Push", stage=Stage(name="shop", throttle_rate=0))


FROM_THE_PACKAGE = """
import infra, json
from pathlib import Path
from infra import SoftAsk, Stage, asset
from infra.examples import own_app
import aws_cdk as cdk

app = cdk.App(context={"aws:cdk:bundling-stacks": []})
own_app.compose(app)
app.synth()
asset.install = lambda lock, out, **_: print(lock.read_text().count("--hash"))
asset._prune_botocore = asset._byte_compile = lambda *_: None
out = Path("built")
out.mkdir()
asset.build(out, platform="any")
print(infra.__file__)
print(b"push-softask" in (out / "functions" / "campaigns.json").read_bytes())
"""


def test_the_package_holds_all_that_a_deployment_is_built_from(tmp_path: Path) -> None:
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)], ROOT)
    (packed,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    ZipFile(packed).extractall(site)
    said = run([sys.executable, "-c", FROM_THE_PACKAGE], tmp_path, PYTHONPATH=str(site))
    hashes, home, campaigns = said.split()
    assert int(hashes) > 0
    assert home == str(site / "infra" / "__init__.py")
    assert campaigns == "True"


def test_the_command_line_s_own_import_does_not_load_cdk() -> None:
    code = "import infra, sys; print('aws_cdk' in sys.modules)"
    assert run([sys.executable, "-c", code], ROOT).split() == ["False"]


def run(command: list[str], folder: Path, **variables: str) -> str:
    """What a command prints."""
    done = subprocess.run(  # noqa: S603 (our own)
        command,
        cwd=folder,
        env={**os.environ, **variables},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout
