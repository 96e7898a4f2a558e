from __future__ import annotations

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqbench.utils import redaction


@pytest.fixture(autouse=True)
def no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction.os, "environ", {"PATH": "/usr/bin:/usr/local/bin", "HOME": "/home/somebody"})


def set_variable(name: str, value: str) -> None:
    redaction.os.environ[name] = value


@pytest.mark.parametrize(
    "name",
    ["WANDB_API_KEY", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "CLIENT_SECRET", "PGPASSWORD", "DB_CREDENTIALS", "ssh_key"],
)
def test_the_value_of_a_variable_with_a_secret_name_is_hidden(name: str) -> None:
    set_variable(name, "s3cr3t-s3cr3t")
    assert redaction.redact("401 for s3cr3t-s3cr3t, (s3cr3t-s3cr3t)") == "401 for ***, (***)"
    assert redaction.find_secret("x=s3cr3t-s3cr3t") == f"the value of ${name}"


@pytest.mark.parametrize(
    ("name", "value"), [("PATH", "/usr/bin:/usr/local/bin"), ("KEY", "short"), ("TOKENIZERS_PARALLELISM", "disabled")]
)
def test_text_without_secrets_is_unchanged(name: str, value: str) -> None:
    set_variable(name, value)
    assert redaction.redact(f"found {value} there") == f"found {value} there"
    assert redaction.find_secret(f"found {value} there") is None


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("GET http://user:pass@host:80/x?y failed", "GET http://***@host:80/x?y failed"),
        ("git clone https://ghp_abc@github.com/a/b.git", "git clone https://***@github.com/a/b.git"),
        ("'socks5h://u:p@ss:w@host'", "'socks5h://***@host'"),
        ("https://host/@handle and a@b.org", "https://host/@handle and a@b.org"),
        ("http://a:b@c http://d:e@f", "http://***@c http://***@f"),
    ],
)
def test_the_login_of_a_url_is_hidden(text: str, hidden: str) -> None:
    assert redaction.redact(text) == hidden


def test_the_password_of_a_proxy_is_hidden_without_its_url() -> None:
    set_variable("HTTPS_PROXY", "http://me:hunter%402hunter@proxy:3128")
    assert redaction.redact("proxy refused 'hunter@2hunter' (hunter%402hunter)") == "proxy refused '***' (***)"


def test_a_secret_is_hidden_in_every_quoted_form() -> None:
    secret = 'line one\n"quoted" ü/@ end'
    set_variable("PRIVATE_KEY", secret + "\n")
    shown = [secret, json.dumps(secret), repr(secret), " ".join(secret.split()), redaction.quote(secret)]
    for text in shown:
        assert re.fullmatch(r"""<["']?\*\*\*["']?>""", redaction.redact(f"<{text}>")), text


def test_a_secret_that_begins_with_another_is_hidden_completely() -> None:
    set_variable("A_TOKEN", "abcdefgh")
    set_variable("B_TOKEN", "abcdefghijkl")
    assert redaction.redact("abcdefghijkl abcdefgh") == "*** ***"


def test_a_broken_url_in_the_environment_is_ignored() -> None:
    set_variable("ODD", "http://[a@b")
    set_variable("NOT_UTF8_TOKEN", "abcdefgh\udcff")
    assert redaction.redact("fine: abcdefgh%FF") == "fine: ***"


@settings(derandomize=True, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=8, max_size=30).filter(lambda text: len(text.strip()) >= 8), st.text(), st.text())
def test_no_secret_is_left_in_any_text(secret: str, before: str, after: str) -> None:
    set_variable("SOME_TOKEN", secret)
    assert secret.strip() not in redaction.redact(before + secret + after).replace("***", "\0" * 3)
