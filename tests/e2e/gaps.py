"""What the emulator drops, rejects or lacks: the one list of it, printed at the end of a run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asserted:
    """A test that asserts it without the emulator: its file below `tests/`, and its name."""

    file: str
    name: str

    def __str__(self) -> str:
        return f"tests/{self.file}: {self.name}"


@dataclass(frozen=True, slots=True)
class Switch:
    """A setting of the stage, with which this deployment is made."""

    setting: str
    value: str

    def __str__(self) -> str:
        return f"-c {self.setting}={self.value}"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Resources of this type that have this attribute are removed before the deployment."""

    kind: str
    attribute: str

    def __str__(self) -> str:
        return f"left out: {self.kind} with {self.attribute}"


@dataclass(frozen=True, slots=True)
class Played:
    """A step of the run does it another way: its module below `tests/e2e/steps/`, and its name."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"tests/e2e/steps/{self.module}.py: {self.name}"


@dataclass(frozen=True, slots=True)
class Found:
    """`softask doctor` finds it: what its check comes to here, and nowhere else."""

    check: str
    verdict: str

    def __str__(self) -> str:
        return f"softask doctor: {self.check} is {self.verdict}"


Cover = Asserted | Switch | LeftOut | Played | Found


@dataclass(frozen=True, slots=True)
class Gap:
    """One gap, and how what it leaves open is covered."""

    name: str
    what: str
    covered: tuple[Cover, ...]


_TEMPLATE = "infra/test_template.py"
_MONITORING = "infra/test_monitoring.py"
_ROLLOUT = "infra/test_rollout.py"
_EVENTS = "infra/test_events.py"
_ASSET = "infra/test_asset.py"
_METRICS = "integration/test_metrics.py"
_DOCTOR = "infra/test_doctor_template.py"
_RIGHTS = "e2e/test_wellbeing.py"
_GATEWAY = "unit/test_api_gateway_event.py"

_EXPIRE = "test_only_retention_window_ends_and_marks_of_deletions_expire_items"

GAPS: tuple[Gap, ...] = (
    Gap(
        "alarms",
        "CloudFormation rejects metric math; no alarm ever rings.",
        (
            LeftOut("AWS::CloudWatch::Alarm", "metrics"),
            Asserted(_MONITORING, "test_all_of_them_are_there_under_the_stage_s_name"),
            Asserted(_MONITORING, "test_they_watch_what_the_stack_has"),
        ),
    ),
    Gap(
        "metrics",
        "No line of a function's log becomes a metric, so nobody knows when the sweep ran last.",
        (
            Asserted(_METRICS, "test_every_metric_of_the_stage_is_emitted_by_some_function"),
            Played("sweeping", "swept"),
            Found("sweep", "fail"),
        ),
    ),
    Gap(
        "composite alarms",
        "CloudFormation rejects them.",
        (Asserted(_MONITORING, "test_there_are_no_composite_alarms"),),
    ),
    Gap(
        "canary",
        "CloudFormation rejects CodeDeploy.",
        (
            Switch("canary", "false"),
            Asserted(_ROLLOUT, "test_row_53_new_code_gets_a_tenth_of_the_calls_first"),
            Asserted(_ROLLOUT, "test_row_53_an_alarm_of_the_function_takes_new_code_back"),
        ),
    ),
    Gap(
        "budget",
        "CloudFormation rejects AWS::Budgets::Budget.",
        (Asserted(_ROLLOUT, "test_row_50_mail_comes_before_the_money_is_gone"),),
    ),
    Gap(
        "event archive",
        "CloudFormation rejects AWS::Events::Archive.",
        (
            Switch("eventArchive", "false"),
            Asserted(_EVENTS, "test_events_are_kept_for_14_days_where_the_stage_asks_for_it"),
        ),
    ),
    Gap(
        "TTL",
        "CloudFormation drops it. Set by API it would delete without a stream record, before the "
        "sweep: so it is not set.",
        (
            Asserted(_TEMPLATE, _EXPIRE),
            Played("recipe", "decline"),
        ),
    ),
    Gap(
        "point-in-time recovery, encryption",
        "CloudFormation drops both.",
        (
            Asserted(_TEMPLATE, "test_on_demand_encrypted_and_restorable_to_a_second"),
            Found("tables", "fail"),
        ),
    ),
    Gap(
        "throttles",
        "CloudFormation drops them, of the stage and of routes; nothing is ever throttled.",
        (
            Asserted(_TEMPLATE, "test_row_50_a_route_throttles"),
            Asserted(_TEMPLATE, "test_row_50_every_admin_route_has_a_throttle_of_its_own"),
        ),
    ),
    Gap(
        "reserved concurrency",
        "CloudFormation drops it.",
        (Asserted(_TEMPLATE, "test_row_50_track_s_runs_at_once_may_be_capped"),),
    ),
    Gap(
        "CORS",
        "CloudFormation drops it, and no preflight is answered.",
        (Asserted(_TEMPLATE, "test_no_other_site_s_page_may_call_unless_a_stage_names_it"),),
    ),
    Gap(
        "dead letters of the schedule",
        "A run that could not be started is lost.",
        (Asserted(_TEMPLATE, "test_runs_every_15_minutes_with_a_dead_letter_queue"),),
    ),
    Gap(
        "the schedule's quarter of an hour",
        "Schedules run in real time: the deployed one is asserted, then moved to a minute by API.",
        (Played("sweeping", "schedule"), Played("sweeping", "swept")),
    ),
    Gap(
        "the signature of root, and foreign schemes",
        "A wrong secret of the account's root passes, and so does `Authorization: Bearer x`: IAM "
        "users' signatures and policies are checked.",
        (
            Played("operators", "strangers"),
            Asserted(_TEMPLATE, "test_every_admin_route_and_no_other_needs_a_signature"),
        ),
    ),
    Gap(
        "the API's own name",
        "Nothing answers at the stack's ApiUrl: the API is called by a path of the emulator's.",
        (
            Asserted(_DOCTOR, "test_the_outputs_are_there"),
            Found("deployment", "warn"),
        ),
    ),
    Gap(
        "the right to read a function's reserved concurrency",
        "Whoever reads it is asked for the right to set it, which the doctor is given here.",
        (
            Asserted(_RIGHTS, "test_the_page_names_what_the_doctor_asks_of_the_account"),
            Played("wellbeing", "examine"),
        ),
    ),
    Gap(
        "zipped JSON",
        "A body of a text type is never handed over as base64, so gzip is sent as "
        "application/octet-stream. What API Gateway does is assumed.",
        (
            Played("recipe", "feed"),
            Asserted(_GATEWAY, "test_a_compressed_body_is_handed_over_as_base64"),
            Found("gzip", "warn"),
        ),
    ),
    Gap(
        "arm64, and Lambda's own Python",
        "Functions run on this machine's processor, on the emulator's Python, and see its packages "
        "behind their own.",
        (
            Asserted(_TEMPLATE, "test_arm64_python_3_13_with_json_logs"),
            Asserted(_ASSET, "test_it_holds_functions_and_runtime_dependencies_only"),
        ),
    ),
    Gap(
        "SnapStart",
        "Nothing is restored from a snapshot.",
        (
            Switch("snapStart", "false"),
            Asserted(_TEMPLATE, "test_snap_start_is_a_context_switch_for_track_alone"),
        ),
    ),
    Gap(
        "retained data",
        "The stage keeps nothing, so that the account is empty in the end.",
        (
            Switch("keepData", "false"),
            Asserted(_TEMPLATE, "test_prod_keeps_its_tables_and_dev_does_not"),
        ),
    ),
)

LEFT_OUT = tuple(cover for gap in GAPS for cover in gap.covered if isinstance(cover, LeftOut))
SWITCHES = tuple(cover for gap in GAPS for cover in gap.covered if isinstance(cover, Switch))
UNWELL = {
    cover.check: cover.verdict for gap in GAPS for cover in gap.covered if isinstance(cover, Found)
}
"""What the doctor says of this deployment besides `ok`."""
