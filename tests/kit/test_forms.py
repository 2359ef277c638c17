"""Forms that honest clients never send; each is refused at once, naming the part."""

from collections.abc import Iterator

import pytest
from litestar import Litestar, post
from litestar.params import JSONBody, MultipartBody
from litestar.testing import TestClient
from msgspec import Struct

from services.kit import failures, forms

HEADERS = {"content-type": "multipart/form-data; boundary=x"}


class Form(Struct):
    a: str
    b: str = ""


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient[Litestar]]:
    @post("/", status_code=200, sync_to_thread=False)
    def take(data: MultipartBody[Form]) -> str:
        return f"{data.a}|{data.b}"

    @post("/json", status_code=200, sync_to_thread=False)
    def take_json(data: JSONBody[Form]) -> str:
        return data.a

    app = Litestar(
        [take, take_json],
        before_request=forms.read_ahead,
        exception_handlers={Exception: failures.answer(failures.plain_text)},
        openapi_config=None,
    )
    with TestClient(app) as made:
        yield made


def part(name: str, value: bytes, *, charset: str = "", file: str = "") -> bytes:
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"'
    head += f'; filename="{file}"' if file else ""
    head += f"\r\nContent-Type: text/plain; charset={charset}" if charset else ""
    return head.encode() + b"\r\n\r\n" + value + b"\r\n"


END = b"--x--\r\n"


@pytest.mark.parametrize("charset", ["", "utf-8", "UTF-8"])
def test_an_honest_form_is_read(client: TestClient[Litestar], charset: str) -> None:
    body = part("a", "è 🎉".encode(), charset=charset) + part("b", b"2") + END
    answer = client.post("/", content=body, headers=HEADERS)
    assert (answer.status_code, answer.text) == (200, "è 🎉|2")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (part("a", b"x", charset="punycode") + END, "a: expected UTF-8 text"),
        (part("a", b"x" * 900_000, charset="idna") + END, "a: expected UTF-8 text"),
        (part("a", b"x", charset="undefined") + END, "a: expected UTF-8 text"),
        (part("a", b"x", charset="no-such") + END, "a: expected UTF-8 text"),
        (part("a", b"\x89PNG") + END, "a: expected UTF-8 text"),
        (part("a", b"x") * 2 + END, "a: expected once"),
        (part("a", b"x", file="y" * 256) + END, "a: a file name"),
        (b"".join(part(f"p{n}", b"x") for n in range(20)) + END, "at most 16 parts"),
        (part("a", b"x"), "expected a multipart form"),
        (b"--y--", "expected a multipart form"),
    ],
    ids=range(10),
)
def test_a_strange_form_is_refused_in_words(
    client: TestClient[Litestar], body: bytes, words: str
) -> None:
    answer = client.post("/", content=body, headers=HEADERS)
    assert answer.status_code == 400
    assert words in answer.text


def test_a_text_has_a_limit(client: TestClient[Litestar]) -> None:
    body = part("a", b"x" * (forms.LONGEST_TEXT + 1)) + END
    assert client.post("/", content=body, headers=HEADERS).status_code == 413


def test_a_form_where_json_belongs_is_refused(client: TestClient[Litestar]) -> None:
    answer = client.post("/json", content=part("a", b"x") + END, headers=HEADERS)
    assert answer.status_code == 400


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data", "x"])
def test_what_is_no_form_is_refused(client: TestClient[Litestar], content_type: str) -> None:
    headers = {"content-type": content_type}
    assert client.post("/", content=b"{}", headers=headers).status_code == 400
