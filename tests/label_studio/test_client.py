"""The client and a server that fails in every way: one line each, patience where it helps."""

from __future__ import annotations

import base64
import json

import pytest

from helpers.fake_label_studio import TOKEN, fake_server
from peerannot.errors import AwayError, ParameterError, ServerError
from peerannot.label_studio import Client, find_token, server_url
from peerannot.label_studio.client import Unsure

PROJECT = "api/projects/1/"


def test_the_token_is_exchanged_once_and_again_when_it_has_run_out(fake, client):
    assert client.get(PROJECT)["title"] == "Animals"
    client.get(PROJECT)
    assert fake.renewals == 1
    fake.access = "another"  # as if five minutes had passed
    assert client.get(PROJECT)["title"] == "Animals"
    assert fake.renewals == 2


def test_a_legacy_token_goes_as_it_is(fake):
    with pytest.raises(ServerError, match=r"not accepted \(a legacy token; they are off by def"):
        Client(fake.url, "0123456789abcdef").get(PROJECT)
    assert fake.requests[-1][2] == "Token 0123456789abcdef" and len(fake.requests) == 1


def test_a_wrong_token_is_refused_at_once(fake, client):
    client.token = TOKEN + "x"
    with pytest.raises(ServerError, match=r"token is not accepted.*personal access token") as error:
        client.get(PROJECT)
    assert len(fake.requests) == 1
    assert TOKEN not in str(error.value) and TOKEN not in repr(client)


def test_what_is_not_there(client):
    with pytest.raises(
        ServerError, match=r"^project 9: not found \(404\) on http.*--project right"
    ):
        client.get("api/projects/9/", "project 9")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_passes_is_tried_again(fake, client, status):
    waited = []
    client.sleep = waited.append
    fake.fail(status, "/api/projects", times=2)
    assert client.get(PROJECT)["title"] == "Animals"
    assert waited == [0.001, 0.002]
    fake.fail(status, "/api/projects", times=9)
    with pytest.raises(AwayError, match=rf"{status}.*, 5 times; is it running"):
        client.get(PROJECT)


def test_the_server_says_how_long_to_wait(fake, client):
    waited = []
    client.sleep = waited.append
    fake.fail(429, "/api/projects", Retry_After="7")
    fake.fail(503, "/api/projects", Retry_After="Wed, 21 Oct 2015 07:28:00 GMT")
    client.get(PROJECT)
    assert waited == [7.0, 0.0]
    fake.fail(429, "/api/projects", Retry_After="86400")
    with pytest.raises(AwayError, match="asks to wait 86400 s") as error:
        client.get(PROJECT)
    assert error.value.retry_after == 86400


def test_half_a_page(fake, client):
    fake.say(b'{"id": 1, "title": "Ani', path="/api/projects")
    assert client.get(PROJECT)["title"] == "Animals"
    fake.say(b'{"id": 1, "title": "Ani', path="/api/projects", times=5)
    with pytest.raises(AwayError, match=r"half an answer came \(23 bytes of JSON, cut off\)"):
        client.get(PROJECT)


def test_a_web_page_in_place_of_json(fake, client):
    page = b"<!DOCTYPE html><html><head><title>Sign in\n to Acme</title></head></html>"
    fake.say(page, "text/html", "/api/projects")
    with pytest.raises(ServerError, match=r"a web page, 'Sign in to Acme', came in place of JSON"):
        client.get(PROJECT)


def test_a_redirect_never_takes_the_token_along(fake, client):
    with fake_server() as other:
        fake.fail(302, "/api/projects", Location=f"{other.url}/api/projects/1/")
        with pytest.raises(ServerError, match=rf"sends on to {other.url}; give that as --url"):
            client.get(PROJECT)
        fake.fail(302, "/api/projects", Location="/user/login/?next=/api")
        with pytest.raises(ServerError, match="it asks for a login"):
            client.get(PROJECT)
        # An image may stand elsewhere: it is fetched, without the token.
        fake.fail(302, "/data/upload", Location=f"{other.url}/data/upload/x.png")
        with pytest.raises(ServerError):
            client.download("/data/upload/x.png", "image")
        assert [token for _, _, token in other.requests] == [""]


def test_a_server_that_is_away():
    with fake_server() as gone:
        url = gone.url
    client = Client(url, TOKEN, tries=2, pause=0)
    with pytest.raises(AwayError, match=r"nobody listens there.*, 2 times; is it running"):
        client.get(PROJECT)
    with pytest.raises(AwayError, match="no such host"):
        Client("http://nowhere.invalid", TOKEN, tries=1).get(PROJECT)


def test_what_is_new_is_never_sent_twice_blindly(fake, client):
    client.get(PROJECT)
    for after in (False, True):
        fake.hang_up("/api/projects/1/import", after=after)
        with pytest.raises(Unsure, match="broke off while something new was sent"):
            client.post("api/projects/1/import/predictions", [])
    assert fake.asked("POST", "/api/projects/1/import") == 2
    # What was turned away for certain may be sent again.
    fake.fail(429, "/api/projects/1/import")
    assert client.post("api/projects/1/import/predictions", []) == {"created": 0}


def test_a_change_that_may_have_been_made_is_made_again(fake, client):
    client.get(PROJECT)
    fake.hang_up("/api/projects/1/", after=True)
    assert client.patch(PROJECT, {"sampling": "Uniform"})["sampling"] == "Uniform"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://localhost:8080/", "http://localhost:8080"),
        (" https://labels.example.org/studio/?x=1#y ", "https://labels.example.org/studio"),
    ],
)
def test_addresses(text, url):
    assert server_url(text) == url


@pytest.mark.parametrize("text", ["localhost:8080", "ftp://x", "http://", "http://x:port", "8080"])
def test_what_is_no_address(text):
    with pytest.raises(ParameterError, match="is no address; give http://HOST:PORT"):
        server_url(text)


def test_no_password_in_an_address():
    with pytest.raises(ParameterError, match="without user and password") as error:
        server_url("http://ann:sesame@localhost:8080")
    assert "sesame" not in str(error.value)


def test_where_the_token_comes_from(monkeypatch):
    monkeypatch.delenv("PEERANNOT_LABEL_STUDIO_TOKEN", raising=False)
    monkeypatch.delenv("LABEL_STUDIO_API_KEY", raising=False)
    with pytest.raises(ParameterError, match="no token: set PEERANNOT_LABEL_STUDIO_TOKEN"):
        find_token()
    assert find_token(lambda: " typed\n") == "typed"
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "theirs")
    assert find_token() == "theirs"
    monkeypatch.setenv("PEERANNOT_LABEL_STUDIO_TOKEN", "ours\n")
    assert find_token() == "ours"
    monkeypatch.setenv("PEERANNOT_LABEL_STUDIO_TOKEN", "se cret")
    with pytest.raises(ParameterError) as error:
        find_token()
    assert "se" + " cret" not in str(error.value)


def test_a_password_of_netrc_does_not_replace_the_token(fake, client, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ann password sesame\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    client.get(PROJECT)
    basic = base64.b64encode(b"ann:sesame").decode()
    assert basic not in json.dumps(fake.requests)
