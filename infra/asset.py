"""The one asset that all functions share, built by uv, without Docker.

It holds `functions/`, the compiled campaigns, the OpenAPI document and the runtime dependencies,
and nothing that Lambda would load in vain: botocore's 440 services cost 16 MB and 20 ms at each
cold start.

Built from the repository, or from an installed package, which carries the lock file and the
campaigns in `infra/shipped` (see `pyproject.toml`).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import jsii
import uv
from aws_cdk import AssetHashType, BundlingOptions, DockerImage, ILocalBundling
from aws_cdk import aws_lambda as lambda_

from cli.campaigns import compile_folder
from cli.openapi.document import compact
from infra.stages import ROOT, Architecture

LAMBDA_PYTHON = "3.13"
LAMBDA_ROOT = "/var/task"
PLATFORMS: dict[Architecture, str] = {
    "arm64": "aarch64-manylinux2014",
    "x86_64": "x86_64-manylinux2014",
}

_SHIPPED = Path(__file__).parent / "shipped"
_HOME = _SHIPPED if _SHIPPED.exists() else ROOT
CAMPAIGNS = _HOME / "campaigns"
_LOCK = _HOME / "requirements" / "runtime.txt"

_SERVICES = {"dynamodb": "2012-08-10", "events": "2015-10-07", "ssm": "2014-11-06"}
# Read for paginators, waiters and the documentation; no function asks for them.
_UNUSED_MODELS = ("examples-1.json", "paginators-1.json", "waiters-2.json")

_UNREAD = (
    "aws_lambda_powertools/event_handler/openapi/swagger_ui/*.min.*",
    "**/*.pyi",
    "**/py.typed",
)
# cryptography needs cffi's compiled module at run time; the rest of it makes such modules.
_UNLOADED = ("bin", "cffi", "pycparser")


class BuildError(RuntimeError):
    """A tool that the build runs has failed; the message carries what it said."""


def build(
    out: Path, *, platform: str, python: str = LAMBDA_PYTHON, campaigns: Path = CAMPAIGNS
) -> None:
    """Builds the asset in the folder `out` for uv's `platform` and Python's minor version.

    `campaigns` serve until others are published. The same inputs give the same bytes. Sources are
    byte-compiled where this machine has that Python; compiled by another version they would be
    dead weight.
    """
    install(_LOCK, out, platform=platform, python=python)
    _drop_what_lambda_never_reads(out)
    _prune_botocore(out / "botocore" / "data")
    unwanted = shutil.ignore_patterns("__pycache__", "tests", "campaigns.json", "openapi.json")
    shutil.copytree(ROOT / "functions", out / "functions", ignore=unwanted)
    (out / "functions" / "campaigns.json").write_bytes(compile_folder(campaigns))
    (out / "functions" / "openapi.json").write_bytes(compact())
    if interpreter := find_python(python):
        _byte_compile(out, interpreter)


def install(requirements: Path, out: Path, *, platform: str, python: str) -> None:
    """Installs the hashed lock file `requirements` into `out`, wheels only; raises BuildError."""
    _run(
        [
            *(uv.find_uv_bin(), "pip", "install", "--quiet", "--target", str(out)),
            *("--require-hashes", "--no-deps", "-r", str(requirements)),
            *("--python-platform", platform, "--python-version", python),
            *("--only-binary", ":all:", "--link-mode", "copy", "--python", sys.executable),
        ],
        # uv trusts only its own roots unless told otherwise, and fails behind a company's proxy;
        # and it would compile for the Python that it runs on.
        {**os.environ, "UV_SYSTEM_CERTS": "1", "UV_COMPILE_BYTECODE": "0"},
    )


def find_python(version: str) -> Path | None:
    """An interpreter of that minor version on this machine, or None; downloads nothing."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return Path(sys.executable)
    # pyenv's shims fail for versions that are installed but not selected.
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    folders = [str(path) for path in sorted(pyenv.glob(f"versions/{version}.*/bin"))]
    path = os.pathsep.join([*folders, os.environ.get("PATH", os.defpath)])
    found = subprocess.run(  # noqa: S603 (uv's own binary)
        [uv.find_uv_bin(), "python", "find", version, "--no-python-downloads", "--offline"],
        env={**os.environ, "PATH": path},
        cwd="/",
        capture_output=True,
        check=False,
        text=True,
    )
    return Path(found.stdout.strip()) if found.returncode == 0 else None


def code(architecture: Architecture, *, campaigns: Path = CAMPAIGNS) -> lambda_.Code:
    """The asset for functions of that architecture, built once when the stack is synthesised.

    With `campaigns`, a folder of an app's own takes the place of those that Softask ships.
    """
    return lambda_.Code.from_asset(
        str(ROOT / "functions"),
        asset_hash_type=AssetHashType.OUTPUT,
        bundling=BundlingOptions(
            image=lambda_.Runtime.PYTHON_3_13.bundling_image,
            local=_UvBundling(PLATFORMS[architecture], campaigns),
        ),
    )


@jsii.implements(ILocalBundling)
class _UvBundling:
    """Builds in place of CDK's Docker image; a failure is an error, never a reason for Docker."""

    def __init__(self, platform: str, campaigns: Path) -> None:
        self._platform = platform
        self._campaigns = campaigns

    def try_bundle(
        self,
        output_dir: str,
        *,
        image: DockerImage,  # noqa: ARG002 (jsii passes it by name)
        **_options: object,
    ) -> bool:
        build(Path(output_dir), platform=self._platform, campaigns=self._campaigns)
        if find_python(LAMBDA_PYTHON) is None:
            sys.stderr.write(
                f"softask: this machine has no Python {LAMBDA_PYTHON}, so the functions are not "
                "byte-compiled; their cold starts take longer\n"
            )
        return True


def _drop_what_lambda_never_reads(out: Path) -> None:
    for path in out.glob("*.dist-info"):
        shutil.rmtree(path)
    for pattern in _UNREAD:
        for path in list(out.glob(pattern)):
            path.unlink()
    for name in _UNLOADED:
        shutil.rmtree(out / name, ignore_errors=True)
    (out / ".lock").unlink(missing_ok=True)


def _prune_botocore(data: Path) -> None:
    """Keeps botocore's own tables and the models of the services in use."""
    for folder in [path for path in data.iterdir() if path.is_dir()]:
        if folder.name not in _SERVICES:
            shutil.rmtree(folder)
    for service, version in _SERVICES.items():
        for folder in [path for path in (data / service).iterdir() if path.name != version]:
            shutil.rmtree(folder)
        for name in _UNUSED_MODELS:
            (data / service / version / name).unlink(missing_ok=True)


def _byte_compile(out: Path, interpreter: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key[:6] != "PYTHON"}
    _run(
        [
            *(str(interpreter), "-m", "compileall", "-q", str(out)),
            *("--invalidation-mode", "unchecked-hash"),
            # Tracebacks name the path on Lambda, and the bytes do not depend on the build folder.
            *("-s", str(out), "-p", LAMBDA_ROOT),
        ],
        {**environment, "PYTHONHASHSEED": "0"},
    )


def _run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(  # noqa: S603 (commands of this module only)
        command, env=environment, capture_output=True, check=False, text=True
    )
    if done.returncode != 0:
        raise BuildError(f"{' '.join(command)}\n{done.stdout}{done.stderr}".rstrip())
