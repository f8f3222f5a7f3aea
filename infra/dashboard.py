"""The dashboard of one deployment: what the campaigns do above, how the machine does below."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from functions.core.model import FactKind
from functions.metrics import (
    CAMPAIGN,
    DECISION,
    NAMESPACE,
    SILENCE,
    STAGE,
    Metric,
    of_fact,
)
from infra.tables import DUE_INDEX

FIVE_MINUTES = Duration.minutes(5)
_QUARTER = Duration.minutes(15)
_HOUR = Duration.hours(1)
_ROW = 24
_HEIGHT = 7

INDEXES = {"windows": (DUE_INDEX,)}
"""By table; DynamoDB counts what an index refuses apart."""

FUNNEL = (
    FactKind.EXPOSED,
    FactKind.OFFERED,
    FactKind.SHOWN,
    FactKind.APPROVED,
    FactKind.GRANTED,
)


@dataclass(frozen=True, slots=True)
class Watched:
    """What is looked at. `functions` and `tables` go by the names that alarms give them."""

    stage: str
    functions: Mapping[str, lambda_.Function]
    tables: Mapping[str, dynamodb.ITable]
    api: apigatewayv2.IHttpApi
    dead_letters: sqs.Queue
    failed_records: s3.Bucket
    streams: Sequence[lambda_.EventSourceMapping]

    def own(
        self, metric: Metric, statistic: str = "Sum", period: Duration = FIVE_MINUTES
    ) -> cloudwatch.Metric:
        """One that the functions' log lines carry."""
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=metric.value,
            dimensions_map={STAGE: self.stage},
            statistic=statistic,
            period=period,
            label=metric.value,
        )

    def conflict_rate(self) -> cloudwatch.MathExpression:
        """Lost rounds in a hundred decisions; 0 while there are too few to tell."""
        return cloudwatch.MathExpression(
            expression="IF(decided >= 100, 100 * FILL(conflicts, 0) / decided, 0)",
            using_metrics={
                "decided": self.own(Metric.DECIDED),
                "conflicts": self.own(Metric.CONFLICTS),
            },
            label="Conflicts in 100 decisions",
            period=FIVE_MINUTES,
        )

    def refused_rate(self) -> cloudwatch.MathExpression:
        """Calls with refused tokens in a hundred; 0 while there are too few to tell.

        Calls, not messages: `track` writes one line a call, and one phone that tries its whole
        queue again and again is then one of many.
        """
        calls = self.functions["track"].metric_invocations(period=_QUARTER)
        return cloudwatch.MathExpression(
            expression="IF(refused >= 20, 100 * refused / calls, 0)",
            using_metrics={
                "refused": self.own(Metric.TOKEN_REFUSED, "SampleCount", _QUARTER),
                "calls": calls,
            },
            label="Refused tokens in 100 calls",
            period=_QUARTER,
        )

    def put_aside(self) -> cloudwatch.MathExpression:
        """Stream records that Lambda gave up, and wrote to the bucket."""
        used = {
            f"aside{number}": cloudwatch.Metric(
                namespace="AWS/Lambda",
                metric_name="OnFailureDestinationDeliveredEventCount",
                dimensions_map={"EventSourceMappingUUID": stream.event_source_mapping_id},
                statistic="Sum",
                period=FIVE_MINUTES,
            )
            for number, stream in enumerate(self.streams)
        }
        return cloudwatch.MathExpression(
            expression=" + ".join(f"FILL({name}, 0)" for name in used),
            using_metrics={**used},
            label="put aside",
            period=FIVE_MINUTES,
        )

    def throttled(self, table: str) -> cloudwatch.MathExpression:
        """Requests to the table, and to its index if it has one, that DynamoDB refused."""
        # An id belongs to one metric in all of a graph.
        used = {f"{table}{name}": metric for name, metric in _throttles(self.tables[table], table)}
        return cloudwatch.MathExpression(
            expression=" + ".join(f"FILL({name}, 0)" for name in used),
            using_metrics={**used},
            label=table,
            period=FIVE_MINUTES,
        )


def _throttles(table: dynamodb.ITable, name: str) -> Iterator[tuple[str, cloudwatch.Metric]]:
    owners: dict[str, dict[str, str]] = {
        "": {},
        **{index: {"GlobalSecondaryIndexName": index} for index in INDEXES.get(name, ())},
    }
    for owner, dimensions in owners.items():
        for kind in ("Read", "Write"):
            yield (
                f"{kind}s{owner}",
                cloudwatch.Metric(
                    namespace="AWS/DynamoDB",
                    metric_name=f"{kind}ThrottleEvents",
                    dimensions_map={"TableName": table.table_name, **dimensions},
                    statistic="Sum",
                    period=FIVE_MINUTES,
                ),
            )


class Dashboard(Construct):
    """`softask-<stage>`, in CloudWatch. Campaigns are found by search: they come and go live."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        watched: Watched,
        alarms: Sequence[cloudwatch.IAlarm],
    ) -> None:
        super().__init__(scope, construct_id)
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=f"softask-{watched.stage}",
            default_interval=Duration.days(1),
            widgets=[
                [
                    cloudwatch.AlarmStatusWidget(
                        title="Alarms", alarms=list(alarms), width=_ROW, height=5
                    )
                ],
                _row(*_campaigns(watched)),
                _row(*_decisions(watched)),
                _row(*_requests(watched)),
                _row(*_functions(watched)),
                _row(*_behind_the_scenes(watched)),
            ],
        )


def _row(*widgets: tuple[str, Sequence[cloudwatch.IMetric]]) -> list[cloudwatch.IWidget]:
    return [
        cloudwatch.GraphWidget(
            title=title, left=list(metrics), width=_ROW // len(widgets), height=_HEIGHT
        )
        for title, metrics in widgets
    ]


_Graph = tuple[str, Sequence[cloudwatch.IMetric]]


def _campaigns(watched: Watched) -> Iterator[_Graph]:
    others = [kind for kind in FactKind if kind not in FUNNEL]
    yield "Funnel by campaign", [_of_campaigns(watched, _exactly(map(of_fact, FUNNEL)))]
    yield (
        "What else happened, by campaign",
        [
            _of_campaigns(watched, _exactly(map(of_fact, others))),
            _of_none(watched, "Fact"),
        ],
    )


def _decisions(watched: Watched) -> Iterator[_Graph]:
    yield (
        "Reasons for silence, by campaign",
        [
            _of_campaigns(watched, f"MetricName={SILENCE}"),
            _of_none(watched, SILENCE),
        ],
    )
    yield (
        "Decisions, by campaign",
        [
            _of_campaigns(watched, f"MetricName={DECISION}"),
            _of_none(watched, DECISION),
        ],
    )


def _requests(watched: Watched) -> Iterator[_Graph]:
    api = watched.api
    yield (
        "API: requests and errors",
        [
            api.metric_count(statistic="Sum", period=FIVE_MINUTES, label="requests"),
            api.metric_client_error(statistic="Sum", period=FIVE_MINUTES, label="4xx"),
            api.metric_server_error(statistic="Sum", period=FIVE_MINUTES, label="5xx"),
            watched.own(Metric.BUSY),
            watched.own(Metric.UNAVAILABLE),
            watched.own(Metric.TOKEN_REFUSED),
            watched.own(Metric.NOT_MERGED),
        ],
    )
    yield (
        "API: latency",
        [
            api.metric_latency(statistic=statistic, period=FIVE_MINUTES, label=statistic)
            for statistic in ("p50", "p99")
        ],
    )
    yield (
        "Conflicts, refused tokens, stale campaigns",
        [
            watched.conflict_rate(),
            watched.refused_rate(),
            watched.own(Metric.LEDGER_CONFLICTS),
            watched.own(Metric.CAMPAIGNS_NOT_REFRESHED),
        ],
    )


def _functions(watched: Watched) -> Iterator[_Graph]:
    functions = watched.functions.items()
    yield (
        "Functions: errors and throttles",
        [
            metric
            for name, each in functions
            for metric in (
                each.metric_errors(period=FIVE_MINUTES, label=f"{name}: errors"),
                each.metric_throttles(period=FIVE_MINUTES, label=f"{name}: throttles"),
            )
        ],
    )
    yield (
        "Functions: duration, p99",
        [
            each.metric_duration(statistic="p99", period=FIVE_MINUTES, label=name)
            for name, each in functions
        ],
    )
    yield "Tables: throttled requests", [watched.throttled(table) for table in watched.tables]


def _behind_the_scenes(watched: Watched) -> Iterator[_Graph]:
    yield (
        "Ledger: lag in seconds",
        [
            cloudwatch.MathExpression(
                expression="oldest / 1000",
                using_metrics={"oldest": iterator_age(watched.functions["ledger"])},
                label="oldest record",
                period=FIVE_MINUTES,
            ),
            watched.own(Metric.LEDGER_LAG, "Maximum").with_(label="newest record"),
        ],
    )
    yield "Sweep: lag in seconds", [watched.own(Metric.SWEEP_LAG, "Maximum", _HOUR)]
    yield (
        "Sweep: windows",
        [watched.own(Metric.WINDOWS_SWEPT), watched.own(Metric.WINDOWS_LEFT, "Maximum")],
    )
    yield (
        "Dead letters, failed records",
        [
            watched.dead_letters.metric_approximate_number_of_messages_visible(
                statistic="Maximum", period=FIVE_MINUTES, label="sweep: dead letters"
            ),
            watched.own(Metric.FAILED_RECORDS),
            watched.put_aside(),
            kept_records(watched.failed_records),
        ],
    )


def iterator_age(ledger: lambda_.Function) -> cloudwatch.Metric:
    """How old the oldest record of a batch was when the function took it, in milliseconds."""
    return ledger.metric("IteratorAge", statistic="Maximum", period=FIVE_MINUTES)


def kept_records(bucket: s3.Bucket) -> cloudwatch.Metric:
    """Objects in the bucket of failed records, as S3 counts them once a day."""
    return cloudwatch.Metric(
        namespace="AWS/S3",
        metric_name="NumberOfObjects",
        dimensions_map={"BucketName": bucket.bucket_name, "StorageType": "AllStorageTypes"},
        statistic="Average",
        period=Duration.days(1),
        label="kept records (daily)",
    )


def _of_campaigns(watched: Watched, names: str) -> cloudwatch.MathExpression:
    return _search(
        f'{{{NAMESPACE},{STAGE},{CAMPAIGN}}} {STAGE}="{watched.stage}" {names}',
        f"${{PROP('Dim.{CAMPAIGN}')}} ${{PROP('MetricName')}}",
    )


def _of_none(watched: Watched, prefix: str) -> cloudwatch.MathExpression:
    """What no campaign had to do with."""
    return _search(
        f'{{{NAMESPACE},{STAGE}}} {STAGE}="{watched.stage}" MetricName={prefix}',
        "${PROP('MetricName')}",
    )


def _search(term: str, label: str) -> cloudwatch.MathExpression:
    return cloudwatch.MathExpression(
        expression=f"SEARCH('{term}', 'Sum', {_HOUR.to_seconds()})",
        using_metrics={},
        label=label,
        period=_HOUR,
    )


def _exactly(names: Iterable[str]) -> str:
    return "(" + " OR ".join(f'MetricName="{name}"' for name in names) + ")"
