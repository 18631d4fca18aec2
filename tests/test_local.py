"""The server of local pages, by hand-made requests: what it gives, and what it refuses, with one sentence each."""

import http.client
import json
import socket
from urllib.parse import urlsplit

import pytest

from partreg import local
from partreg.errors import PartregError
from partreg.local import Answer, Request, as_json

SECRET = "not to be read"


def told(request: Request) -> Answer:
    return as_json({"query": dict(request.query), "bytes": len(request.body)})


def refuse(request: Request) -> Answer:
    raise PartregError("a.jpg: no such picture;\nchoose another one.")


def fail(request: Request) -> Answer:
    raise ZeroDivisionError


ROUTES = {
    ("GET", "/told"): told,
    ("POST", "/told"): told,
    ("POST", "/doubled"): lambda request: as_json(request.json() * 2),
    ("GET", "/refuse"): refuse,
    ("GET", "/fail"): fail,
}


@pytest.fixture
def address(tmp_path):
    """A server with a page and a folder of pictures, in which links lead in and out."""
    (tmp_path / "secret.txt").write_text(SECRET)
    pictures = tmp_path / "pictures"
    (pictures / "deep").mkdir(parents=True)
    (tmp_path / "page.html").write_text("<title>ü</title>")
    (pictures / "deep" / "a b.png").write_bytes(b"picture")
    (pictures / "out.txt").symlink_to(tmp_path / "secret.txt")
    (pictures / "up").symlink_to(tmp_path)
    (pictures / "in.png").symlink_to(pictures / "deep" / "a b.png")
    files = {"/": tmp_path / "page.html", "/pictures/": pictures}
    with local.serving(ROUTES, files, largest=1000) as found:
        yield urlsplit(found)


def ask(address, path="", method="GET", body=None, token=None, **headers):
    """The status, the answer and its headers; ``path`` follows the token."""
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
    start = address.path if token is None else f"/{token}/"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, start + path, body, named)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content, answer.headers


def sentence(answer):
    """The status and the one sentence of an error."""
    status, content, headers = answer
    said = json.loads(content)
    assert list(said) == ["error"]
    assert "\n" not in said["error"]
    assert headers["Content-Type"] == "application/json"
    return status, said["error"]


def test_it_listens_on_this_machine_only_and_stops(address):
    assert address.hostname == "127.0.0.1"
    with local.serving(ROUTES) as found:
        assert ask(urlsplit(found), "told")[0] == 200
    with pytest.raises(ConnectionError):
        ask(urlsplit(found), "told")


def test_a_taken_port_is_refused_in_a_sentence(address):
    with pytest.raises(PartregError, match=rf"port {address.port} of 127\.0\.0\.1 cannot be used"):
        local.serving(ROUTES, port=address.port).__enter__()
    with pytest.raises(PartregError, match="port 70000"):
        local.serving(ROUTES, port=70_000).__enter__()


def test_routes_are_given_the_query_and_the_body(address):
    assert json.loads(ask(address, "told?image=a%20b%2F%C3%BC.jpg&empty=")[1]) == {
        "query": {"image": "a b/ü.jpg", "empty": ""},
        "bytes": 0,
    }
    assert json.loads(ask(address, "told", "POST", b"\xff\x00" * 500)[1])["bytes"] == 1000
    assert json.loads(ask(address, "doubled", "POST", b"[1]")[1]) == [1, 1]


def test_files_are_given_with_their_kinds_and_a_policy(address):
    status, content, headers = ask(address)
    assert (status, content.decode(), headers["Content-Type"]) == (200, "<title>ü</title>", "text/html; charset=utf-8")
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    for name in ("deep/a%20b.png", "in.png"):
        status, content, headers = ask(address, f"pictures/{name}")
        assert (status, content, headers["Content-Type"]) == (200, b"picture", "image/png")


OUTSIDE = ["../secret.txt", "..%2fsecret.txt", "deep/../../secret.txt", "out.txt", "up/secret.txt", "%2e%2e/secret.txt"]
OUTSIDE += ["", ".", "deep", "deep/", "none.png", "a%00b", "x" * 5000, "/etc/passwd", "%2fetc%2fpasswd", "....//secret"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_path_leaves_its_folder(address, name):
    status, said = sentence(ask(address, f"pictures/{name}"))
    assert (status, said) == (404, "nothing is at this address.")


@pytest.mark.parametrize("path", ["secret.txt", "page.html", "told/", "/told", "%ff", "pictures"])
def test_nothing_else_is_there(address, path):
    assert sentence(ask(address, path))[0] in (400, 404)


@pytest.mark.parametrize("token", ["", "x", "%C3%BC", "told"])
def test_without_the_token_nothing_is_given(address, token):
    for method in ("GET", "POST"):
        status, said = sentence(ask(address, "told", method, token=token))
        assert status == 403
        assert "the token is missing" in said


def test_tokens_differ(address):
    with local.serving(ROUTES) as found:
        assert urlsplit(found).path != address.path
        assert len(urlsplit(found).path) > 30


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1.evil.example:{port}", "127.0.0.1:1", ""])
def test_another_name_of_this_machine_is_refused(address, host):
    status, said = sentence(ask(address, "told", Host=host.format(port=address.port)))
    assert (status, "another host's name" in said) == (403, True)
    assert ask(address, "told", Host=f"localhost:{address.port}")[0] == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:{port}", "http://127.0.0.1:1"])
def test_what_another_page_sends_is_refused(address, origin):
    status, said = sentence(ask(address, "told", "POST", b"1", Origin=origin.format(port=address.port)))
    assert (status, "sent by another page" in said) == (403, True)
    own = f"http://127.0.0.1:{address.port}"
    assert ask(address, "told", "POST", b"1", Origin=own)[0] == 200


def test_a_body_has_a_limit_and_the_sender_hears_of_it(address):
    status, said = sentence(ask(address, "told", "POST", b"x" * 1001))
    assert (status, said) == (413, "1,001 bytes were sent, expected at most 1,000; send a smaller file.")
    assert sentence(ask(address, "told", "POST", b"x" * 10_000_000))[0] == 413


@pytest.mark.parametrize("length", ["-1", "1e3", "٣", "", "9" * 20])
def test_a_body_says_how_long_it_is(address, length):
    assert sentence(ask(address, "told", "POST", None, Content_Length=length.encode()))[0] == 411
    assert sentence(ask(address, "told", "POST", iter([b"a"]), Transfer_Encoding="chunked"))[0] == 411


def test_errors_are_one_sentence(address, capsys):
    assert sentence(ask(address, "refuse")) == (400, "a.jpg: no such picture; choose another one.")
    assert sentence(ask(address, "doubled", "POST", b"{"))[1].startswith("the request:1: expected JSON")
    assert sentence(ask(address, "doubled", "POST", b"\xff"))[1].startswith("the request: expected JSON in UTF-8")
    assert sentence(ask(address, "fail")) == (500, "ZeroDivisionError in partreg; the terminal says where.")
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert sentence(ask(address, "told", "PUT"))[0] == 501
    assert sentence(ask(address, "none", "POST", b"1"))[0] == 404


def raw(address, *pieces):
    """What comes back for bytes that no client would send."""
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        for piece in pieces:
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_broken_requests_do_no_harm(address, capsys):
    host = f"Host: 127.0.0.1:{address.port}\r\n".encode()
    start = f"POST {address.path}told HTTP/1.1\r\n".encode()
    assert b'"error"' in raw(address, b"nonsense\r\n\r\n")
    assert b"414" in raw(address, b"GET /" + b"x" * 70_000)
    assert b"403" in raw(address, f"GET {address.path}told HTTP/1.1\r\n\r\n".encode())
    assert b"403" in raw(address, f"GET {address.path}told HTTP/1.1\r\n".encode() + host + host + b"\r\n")
    assert b"411" in raw(address, start + host + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab")
    assert b"expected 9 bytes, received 2" in raw(address, start + host + b"Content-Length: 9\r\n\r\nab")
    assert b"SECRET" not in raw(address, b"GET http://x@y:z/../secret.txt HTTP/1.1\r\n" + host + b"\r\n")
    assert SECRET.encode() not in raw(address, b"GET //etc/passwd HTTP/1.1\r\n" + host + b"\r\n")
    assert "Traceback" not in capsys.readouterr().err
    assert ask(address, "told")[0] == 200
