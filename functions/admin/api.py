"""The admin routes: bytes to changes and questions, and what came of them to bytes."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.admin import plans
from functions.admin.imports import Importer
from functions.admin.keys import Keyring, row, rows
from functions.admin.plans import State
from functions.admin.report import report
from functions.admin.routes import ROUTES
from functions.admin.service import Done, Operator
from functions.admin.users import Eraser, export
from functions.answering import Body, answering, body_of, no_such_route
from functions.clock import Clock
from functions.core import recent
from functions.core.model import Progress, User
from functions.environment import Auth
from functions.store import counters, profiles
from functions.store.campaigns import Change, Entry
from functions.store.device_keys import DeviceKeys
from functions.store.keys import user_key
from functions.wire import admin, imports, keys, users
from functions.wire.admin import ExplainBody, PublishBody, ReasonBody, RollbackBody, SettingsBody
from functions.wire.body import parse
from functions.wire.messages import Json, read_object, read_user
from functions.wire.report import read_question

Answer = Callable[[], Body]


class AdminApi:
    """The routes of the operator's side. Who calls was settled by API Gateway.

    Routes go by the route that API Gateway matched and ids by what it decoded: its decoded path
    no longer tells a slash within an id from one beside it. `salt` hashes the user ids in the log;
    `auth` is what the stage does about tokens.
    """

    def __init__(
        self,
        *,
        operator: Operator,
        importer: Importer,
        eraser: Eraser,
        clock: Clock,
        logger: Logger,
        salt: str,
        auth: Auth,
        device_keys: DeviceKeys,
        stage: str,
        resolver: APIGatewayHttpResolver | None = None,
    ) -> None:
        self._operator = operator
        self._keyring = Keyring(operator, device_keys)
        self._importer = importer
        self._eraser = eraser
        self._clock = clock
        self._logger = logger
        self._salt = salt
        self._auth = auth
        self._stage = stage
        self._resolver = resolver or APIGatewayHttpResolver()
        self._event: Mapping[str, Any] = {}
        for method, path in ROUTES:
            answer = answering(self._answers()[method, path], logger)
            self._resolver.route(path, method)(answer)
        self._resolver.not_found(no_such_route)

    def resolve(self, event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        """An API Gateway HTTP API event (payload 2.0) in, its response out."""
        _, _, route = event["routeKey"].partition(" ")
        self._event = event
        return self._resolver.resolve({**event, "rawPath": route}, context)

    def _answers(self) -> dict[tuple[str, str], Answer]:
        campaign = "/v1/admin/campaigns/{id}"
        return {
            ("GET", "/v1/admin/campaigns"): self._list,
            ("GET", campaign): self._show,
            ("PUT", campaign): self._publish,
            ("GET", f"{campaign}/versions"): self._versions,
            ("POST", f"{campaign}/pause"): self._pause,
            ("POST", f"{campaign}/resume"): self._resume,
            ("POST", f"{campaign}/rollback"): self._roll_back,
            ("POST", f"{campaign}/explain"): self._explain,
            ("POST", f"{campaign}/test"): self._test,
            ("GET", f"{campaign}/report"): self._report,
            ("GET", "/v1/admin/settings"): self._settings,
            ("PUT", "/v1/admin/settings"): self._change_settings,
            ("GET", "/v1/admin/users/{id}"): self._export,
            ("DELETE", "/v1/admin/users/{id}"): self._delete,
            ("GET", "/v1/admin/users/{id}/decisions"): self._decisions,
            ("POST", "/v1/admin/users/import"): self._import,
            ("GET", "/v1/admin/keys"): self._list_keys,
            ("POST", "/v1/admin/keys"): self._create_key,
            ("POST", "/v1/admin/keys/{id}/rotate"): self._rotate_key,
            ("DELETE", "/v1/admin/keys/{id}"): self._revoke_key,
        }

    # --- campaigns ---

    def _list(self) -> admin.CampaignsAnswer:
        state = self._operator.state()
        return admin.CampaignsAnswer(
            revision=state.live.revision,
            paused=state.live.settings.paused,
            campaigns=tuple(_row(state, id_) for id_ in sorted(state.live.campaigns)),
        )

    def _show(self) -> admin.CampaignAnswer:
        state, id_ = self._operator.state(), self._id()
        entry = state.entry(id_)
        asked = admin.read_number(self._query(), "version")
        number = plans.shown_version(entry) if asked is None else asked
        version = state.version(id_, number)
        is_live = number == entry.version
        return admin.CampaignAnswer(
            id=id_,
            version=number,
            status=state.status(id_) if is_live else version.file.status,
            is_live=is_live,
            draft=entry.draft,
            campaign=version.file,
            **_published(version.change),
            **(_status_changed(entry.status_change) if is_live else {}),
        )

    def _publish(self) -> admin.PublishAnswer:
        body = admin.read(self._body(), PublishBody)
        expected = admin.expected(body.expected_version, "expectedVersion")
        file = admin.read_campaign(body.campaign, self._id())
        change = self._change(body.reason)
        if body.check:
            step = self._operator.check(file, expected, change.at)
        else:
            done = self._operator.publish(file, expected, change)
            self._log(done, change)
            step = done.step
        return admin.PublishAnswer(
            id=file.id,
            version=step.version,
            status=step.status,
            warnings=step.warnings,
        )

    def _versions(self) -> admin.VersionsAnswer:
        entry, listed = self._operator.versions(
            self._id(), admin.read_number(self._query(), "before")
        )
        rows = tuple(
            admin.VersionRow(
                version=each.number,
                status=each.status,
                is_live=each.number == entry.version,
                is_draft=each.number == entry.draft,
                **_published(each.change),
            )
            for each in listed
        )
        return admin.VersionsAnswer(versions=rows)

    def _pause(self) -> admin.ChangeAnswer:
        change = self._change(self._reason())
        return self._changed(self._operator.pause(self._id(), change), change)

    def _resume(self) -> admin.ChangeAnswer:
        change = self._change(self._reason())
        return self._changed(self._operator.resume(self._id(), change), change)

    def _roll_back(self) -> admin.ChangeAnswer:
        body = admin.read(self._body(), RollbackBody)
        expected = admin.expected(body.expected_version, "expectedVersion")
        change = self._change(body.reason)
        done = self._operator.rollback(self._id(), body.version, expected, change)
        return self._changed(done, change)

    def _changed(self, done: Done, change: Change) -> admin.ChangeAnswer:
        self._log(done, change)
        step = done.step
        return admin.ChangeAnswer(
            id=self._id(), version=step.version, status=step.status, revision=done.revision
        )

    def _report(self) -> msgspec.Raw:
        now = self._clock()
        question = read_question(self._query(), now)
        return report(self._id(), question, self._operator.state(), counters.read, now)

    # --- one user ---

    def _explain(self) -> admin.ExplainAnswer:
        data = self._body()
        body = admin.read(data, ExplainBody)
        at = admin.read_at(body.at, self._clock())
        return admin.ExplainAnswer(**self._explained(data, read_user(data), at)[0])

    def _test(self) -> admin.TestAnswer:
        data = self._body()
        body = admin.read(data, admin.TestBody)
        user, now = read_user(data), self._clock()
        self._operator.check_test_user(user)
        if body.skip_waits and self._operator.skip_waits(self._id(), user, now):
            self._logger.info(
                "waits_skipped",
                extra={"by": self._by(), "campaign": self._id(), "user_key": self._hashed(user)},
            )
        explained, progress = self._explained(data, user, now)
        return admin.TestAnswer(**explained, skips_waits=progress.skip_waits)

    def _explained(self, data: Json, user: User, at: int) -> tuple[dict[str, Any], Progress]:
        id_ = self._id()
        found = self._operator.explain(
            id_, user, lambda event: admin.read_question(data, event, at), at
        )
        progress = found.profile.progress.get(id_) or Progress()
        explained = admin.write_explanation(found.explanation, user, is_known=found.is_known)
        return explained, progress

    def _export(self) -> users.UserAnswer:
        return export(self._user(), users.read_place(self._query()), self._clock())

    def _delete(self) -> users.UserDeletedAnswer:
        answer = self._eraser.delete(self._user(), self._clock())
        counts = msgspec.structs.asdict(answer.deleted)
        extra = {"by": self._by(), "user_key": answer.user_key, **counts}
        self._logger.info("user_deleted", extra=extra)
        return answer

    def _decisions(self) -> admin.DecisionsAnswer:
        user = self._user()
        profile = profiles.load(user, self._clock()).profile
        decisions = admin.write_decisions(recent.entries(profile.recent))
        return admin.DecisionsAnswer(user_id=user.id, decisions=decisions)

    def _import(self) -> imports.ImportAnswer:
        now = self._clock()
        rows = imports.read_rows(self._body())
        results = self._importer.import_users(rows, self._operator.campaigns(now), now)
        counts = {"by": self._by(), "rows": len(rows)}
        self._logger.info("users_imported", extra=counts)
        return imports.ImportAnswer(results=results)

    # --- settings ---

    def _settings(self) -> admin.SettingsAnswer:
        live = self._operator.state().live
        changed = live.changed
        return admin.SettingsAnswer(
            revision=live.revision,
            settings=live.settings,
            changed_at=admin.write_time(changed.at) if changed else None,
            changed_by=changed.by if changed else None,
            reason=changed.reason if changed else None,
        )

    def _change_settings(self) -> admin.SettingsChanged:
        body = admin.read(self._body(), SettingsBody)
        expected = admin.expected(body.expected_revision, "expectedRevision")
        change = self._change(body.reason)
        done = self._operator.change_settings(admin.read_settings(body.settings), expected, change)
        self._log(done, change)
        return admin.SettingsChanged(revision=done.revision, warnings=())

    # --- keys ---

    def _list_keys(self) -> keys.KeysAnswer:
        state = self._operator.state()
        return keys.KeysAnswer(
            revision=state.live.revision,
            stage=self._stage,
            auth=self._auth,
            keys=tuple(rows(state)),
        )

    def _create_key(self) -> keys.KeyAnswer:
        body = admin.read(self._body(), keys.CreateKeyBody)
        change = self._change(body.reason)
        new, done = self._keyring.create(body, change)
        self._log(done, change)
        return keys.KeyAnswer(
            revision=done.revision,
            stage=self._stage,
            key=row(new.id, new.key),
            secret=new.secret,
        )

    def _rotate_key(self) -> keys.KeyRotatedAnswer:
        body = admin.read(self._body() if self._event.get("body") else {}, keys.RotateKeyBody)
        change = self._change(body.reason)
        new, done = self._keyring.rotate(self._id(), body, change)
        self._log(done, change)
        return keys.KeyRotatedAnswer(
            revision=done.revision,
            stage=self._stage,
            key=row(new.id, new.key),
            secret=new.secret,
            replaced=row(self._id(), done.step.live.keys[self._id()]),
        )

    def _revoke_key(self) -> keys.KeyRevokedAnswer:
        query = self._query()
        change = self._change(keys.read_reason(query))
        done = self._keyring.revoke(self._id(), change, force=keys.read_force(query))
        self._log(done, change)
        return keys.KeyRevokedAnswer(
            id=self._id(),
            revision=done.revision,
            stage=self._stage,
            warnings=done.step.warnings,
        )

    # --- the request's parts ---

    def _id(self) -> str:
        return str(self._event["pathParameters"]["id"])

    def _user(self) -> User:
        return admin.read_path_user(self._id(), self._query())

    def _query(self) -> Mapping[str, str]:
        return self._event.get("queryStringParameters") or {}

    def _body(self) -> dict[str, Any]:
        return read_object(parse(body_of(self._event, admin.MAX_BODY)))

    def _reason(self) -> str | None:
        """Of a body that may be left out."""
        return admin.read(self._body(), ReasonBody).reason if self._event.get("body") else None

    def _change(self, reason: str | None) -> Change:
        return Change(at=self._clock(), by=self._by(), reason=reason)

    def _by(self) -> str:
        """The signer; a dev server asks nobody to sign."""
        authorizer = self._event["requestContext"].get("authorizer") or {}
        return str(authorizer.get("iam", {}).get("userArn", "dev"))

    def _log(self, done: Done, change: Change) -> None:
        """One line a change."""
        if not done.changed:
            return
        key = {} if done.step.key is None else {"key": done.step.key}
        self._logger.info(
            "changed",
            extra={
                **key,
                "what": done.step.what,
                "campaign": done.step.campaign,
                "version": done.step.version,
                "revision": done.revision,
                "by": change.by,
            },
        )

    def _hashed(self, user: User) -> str:
        return user_key(self._salt, user)


def _row(state: State, id_: str) -> admin.CampaignRow:
    entry: Entry = state.entry(id_)
    number = plans.shown_version(entry)
    version = state.known(id_, number)
    file = version.file if version else None
    return admin.CampaignRow(
        id=id_,
        kind=file.kind if file else None,
        version=number,
        status=state.status(id_),
        priority=file.priority if file else None,
        rollout=file.rollout if file else None,
        draft=entry.draft,
        **_published(version.change if version else None),
        **_status_changed(entry.status_change),
    )


def _status_changed(change: Change | None) -> dict[str, Any]:
    """A pause, or the end of one."""
    if change is None:
        return {}
    return {
        "status_changed_at": admin.write_time(change.at),
        "status_changed_by": change.by,
        "status_reason": change.reason,
    }


def _published(change: Change | None) -> dict[str, Any]:
    if change is None:
        return {}
    return {
        "published_at": admin.write_time(change.at),
        "published_by": change.by,
        "reason": change.reason,
    }
