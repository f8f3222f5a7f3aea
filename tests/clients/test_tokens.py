"""The Node of `docs/authentication.md`: it signs what Softask's own code takes."""

import shutil
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from functions.core.model import User
from tests.clients.install import JOSE
from tests.clients.test_typescript import needs_npm, node
from tests.integration.test_client_guides import fenced
from tests.integration.test_keys_guide import PAGE, proven

pytestmark = [needs_npm, pytest.mark.xdist_group("typescript")]

CALL = "import('./token.mjs').then(async (page) => console.log(await page.softaskToken('u1')))"


def test_the_node_of_the_page_signs_a_token_that_holds(tmp_path: Path) -> None:
    [code] = fenced(PAGE, "js")
    (tmp_path / "token.mjs").write_text(code, encoding="utf-8")
    shutil.copytree(JOSE.home / "node_modules", tmp_path / "node_modules")
    key = ECKey.generate_key("P-256")
    pem = key.as_pem(private=True).decode()

    token = node("-e", CALL, cwd=tmp_path, SOFTASK_PRIVATE_KEY=pem, SOFTASK_KID="uk-1").strip()

    public = {str(name): str(value) for name, value in key.as_dict(private=False).items()}
    assert proven(token, public) == User("user", "u1")
