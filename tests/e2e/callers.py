"""Who calls the deployed API: the app, operators with IAM users of their own, and strangers."""

import gzip
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
import httpx
import msgspec
from botocore.credentials import Credentials

from cli.dev.environment import WRITE_KEY
from cli.remote import Signature
from tests.e2e import safety
from tests.e2e.deployment import ACCOUNT
from tests.e2e.install import ROOT
from tests.e2e.safety import REGION, Failed

Json = dict[str, Any]

_TIMEOUT = 40.0


@dataclass(frozen=True, slots=True)
class Key:
    """An access key of an IAM user; the emulator made it, and AWS has never heard of it."""

    id: str
    secret: str

    @property
    def wrong(self) -> "Key":
        """The same id with a secret that is not its."""
        return Key(self.id, f"not-{self.secret}")


class Callers:
    """Calls over HTTPS. `api` is the id of the deployed HTTP API."""

    def __init__(self, url: str, variables: Mapping[str, str], api: str) -> None:
        self._variables = variables
        self._api = api
        self._made: set[str] = set()
        self.url = f"{url}/_aws/execute-api/{api}"
        self._http = httpx.Client(
            base_url=self.url,
            verify=variables["SSL_CERT_FILE"],
            trust_env=False,
            timeout=_TIMEOUT,
        )

    def close(self) -> None:
        self._http.close()

    # --- the app ---

    def app(
        self, path: str, body: Json, key: str | None = WRITE_KEY, **headers: str
    ) -> httpx.Response:
        """The app's POST, with its write key as the user name."""
        auth = httpx.Auth() if key is None else httpx.BasicAuth(key, "")
        return self._http.post(path, json=body, auth=auth, headers=headers)

    def zipped(self, path: str, body: Json) -> httpx.Response:
        """A body as SDKs send it: gzip, which API Gateway hands over as base64."""
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/octet-stream"}
        content = gzip.compress(json.dumps(body).encode())
        return self._http.post(path, content=content, headers=headers, auth=(WRITE_KEY, ""))

    def get(self, path: str) -> httpx.Response:
        """Without any key."""
        return self._http.get(path)

    # --- operators ---

    def user(self, name: str, *methods: str) -> Key:
        """A new IAM user, allowed these methods of the admin API, or nothing at all."""
        iam = boto3.client("iam")
        iam.create_user(UserName=name)
        if methods:
            routes = [f"{self._arn}/{method}/v1/admin/*" for method in methods]
            statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": routes}
            policy = {"Version": "2012-10-17", "Statement": [statement]}
            iam.put_user_policy(
                UserName=name, PolicyName="softask", PolicyDocument=json.dumps(policy)
            )
        made = iam.create_access_key(UserName=name)["AccessKey"]
        self._made.add(made["AccessKeyId"])
        return Key(made["AccessKeyId"], made["SecretAccessKey"])

    @property
    def _arn(self) -> str:
        return f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{self._api}/*"

    def admin(
        self, method: str, path: str, key: Key | None, body: Json | None = None
    ) -> httpx.Response:
        """A call of the admin API: signed with that key, or not at all."""
        auth = Signature(Credentials(key.id, key.secret), REGION) if key else None
        return self._http.request(method, path, json=body, auth=auth)

    def softask(self, key: Key, *arguments: str) -> str:
        """What the command `softask` prints for an operator; `Failed` where it is refused."""
        command, environment = self._softask(key, arguments)
        return safety.run(command, environment, cwd=ROOT, made=self._made)

    def told(self, key: Key, *arguments: str) -> Json:
        """The same with `--json`."""
        return msgspec.json.decode(self.softask(key, *arguments, "--json"), type=Json)

    def found(self, key: Key, *arguments: str) -> tuple[int, Json]:
        """How the command ends, and what it prints with `--json` even where something is wrong."""
        command, environment = self._softask(key, (*arguments, "--json"))
        ran = safety.ran(command, environment, cwd=ROOT, made=self._made)
        try:
            return ran.returncode, msgspec.json.decode(ran.stdout, type=Json)
        except msgspec.DecodeError:
            raise Failed(f"{' '.join(arguments)}: {ran.stdout}{ran.stderr}") from None

    def _softask(self, key: Key, arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
        environment = {
            **self._variables,
            "AWS_ACCESS_KEY_ID": key.id,
            "AWS_SECRET_ACCESS_KEY": key.secret,
            "SOFTASK_URL": self.url,
        }
        return [sys.executable, "-m", "cli.main", *arguments], environment
