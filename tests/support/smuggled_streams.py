"""HTTP/2 requests that would become two requests, or another one, where somebody writes them as HTTP/1.1 or reads them
with less care: one row each. Texts are filled as those of smuggled_requests; none of them passes any library."""
import dataclasses

RESET = -1  # RST_STREAM with PROTOCOL_ERROR (1): a malformed message (RFC 9113 section 8.1.1)
EVIL = "GET /evil HTTP/1.1\r\nHost: evil.test\r\n\r\n"


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    section: str  # of RFC 9113, or as it says
    fields: list
    body: tuple = ()  # payloads of DATA; without, HEADERS end the stream
    trailers: tuple = ()
    status: int = 0  # of the refusal, or RESET; 0: it passes
    seen: tuple = ("GET", "")  # method and body that everybody sees
    target: str = "{t}"
    holds: tuple = ()  # fields that the origin gets
    lacks: tuple = ()  # names of fields that it does not
    http1_status: int = 0  # of the refusal where the origin speaks HTTP/1.1, if it is another
    http1_whole: bool = False  # what came before the fault is a whole message there: the origin may see `seen`


def ask(*more, method="GET", scheme="https", path="{t}", authority="{h}"):
    """A head; a pseudo-header that is None is left out."""
    pseudo = {":method": method, ":scheme": scheme, ":authority": authority, ":path": path}
    return [*((name, value) for name, value in pseudo.items() if value is not None), *more]


def no(name, section, fields, *body, status=RESET, trailers=(), **rest):
    return Row(name, section, fields, body, trailers, status, **rest)


def field(name, value="v", section="8.2.1"):
    """One more field that makes a request malformed."""
    return no(f"the field {name!r}: {value!r}", section, ask((name, value)))


def pseudo(section="8.3.1", status=RESET, **changed):
    (name, value), = changed.items()
    return no(f":{name} {value!r}", section, ask(**changed), status=status)


def length(value, *body, **rest):
    return no(f"the length {value!r} of {list(body)}", "8.1.1", ask(("content-length", value), method="POST"), *body,
              **rest)


def post(name, section, *more, body=(), seen="", **rest):
    return Row(name, section, ask(*more, method="POST"), body, seen=("POST", seen), **rest)


def yes(name, section, *more, seen=("GET", ""), target="{t}", holds=(), lacks=(), **changed):
    return Row(name, section, ask(*more, **changed), seen=seen, target=target, holds=holds, lacks=lacks)


NAMES = [field(name) for name in (
    "", " ", "\0", "x y", " x", "x ", "x\t", "x:", "x:y", "x: y\r\nz", "x\r\n", "x\r\nhost", "x\nhost", "x\rhost",
    "x\0", "x\x0b", "x\x7f", "x\x80", "x\xe9", "\xef\xbb\xbfhost", "x(y)", "x/y", "x,y", "x;y", "x=y", '"x"', "x\\y",
    "X", "hOst", "Content-Length", "Transfer-Encoding", "content-length ", " content-length", "content-length:",
    "transfer-encoding\t", "transfer-encoding:chunked\r\nx", EVIL, "x: y\r\n\r\n" + EVIL)]

VALUES = [field("x", value) for value in (
    "v\r\nhost: evil.test", "v\r\n\r\n" + EVIL, "v\nx-evil: 1", "v\rx-evil: 1", "v\0evil", "\r\n", "\n", "\r", "\0",
    "v\r\n", "v\r\n w", " v", "v ", "\tv", "v\t", "\x01", "\x07", "\x0b", "\x0c", "\x1b[2J", "v\x7f")] + [
    field("cookie", "a=1\r\nx-evil: 1"), field("user-agent", "a\r\n\r\n" + EVIL), field("content-type", "a\0b"),
    field("te", "trailers\r\nx: y", "8.2.2"), field("host", "{h}\r\nx-evil: 1"),
    field("expect", "100-continue\r\nx: y")]

OF_CONNECTION = [field(name, value, "8.2.2") for name, value in (
    ("connection", "close"), ("connection", "x"), ("connection", ""), ("keep-alive", "timeout=5"), ("upgrade", "h2c"),
    ("proxy-connection", "keep-alive"), ("transfer-encoding", "chunked"), ("transfer-encoding", "identity"),
    ("transfer-encoding", ""), ("transfer-encoding", "trailers"), ("te", "gzip"), ("te", "chunked"), ("te", ""),
    ("te", "trailers, gzip"), ("te", "trailers;q=1"))]

PSEUDO = [
    *[pseudo(method=text) for text in (
        "", "G T", "GET ", "GET\0", "GET\r\nx: y", "GE(T", "G\xcbT", "GET /evil HTTP/1.1", EVIL + "GET")],
    *[pseudo(path=text) for text in (
        "", "evil", "?evil", "http://evil.test/", "https://{h}/", "/ /evil", "/\t", "/x HTTP/1.1",
        "/x HTTP/1.1\r\nHost: evil.test\r\n\r\n" + EVIL, "/\r\nx: y", "/\n", "/\r", "/\0", "/\x7f", "/\xe9", "/x#evil",
        "*", "\\evil", " /", "/ ")],
    *[pseudo(scheme=text) for text in ("", "https ", "https\r\nx: y", "https\0", "https://evil.test/?", "\xe9")],
    *[pseudo(scheme=text, status=405) for text in ("http", "ftp")],
    *[pseudo(authority=text) for text in (
        "", "{h}\r\nx: y", "{h}\0", "{h} ", " {h}", "{h}\t", "evil.test\r\n\r\n" + EVIL, "{h}/evil", "{h}?x", "{h}#x",
        "https://{h}", "ev\xefl.test")],
    *[pseudo(authority=text, status=400) for text in (
        "user@{h}", "{h}:80", "{h},evil.test", "[::1", "127.1", "0x7f000001", "evil..test", ":443", "evil.test:",
        "evil.test:0443", "evil.test:99999")],
    pseudo(authority="evil.test", status=421), pseudo(authority="lane.smuggle.test", status=421),
    pseudo(authority="127.0.0.1:{p}", status=421), pseudo(authority="lane.smuggle.test:1", status=421),
    no("no method", "8.3.1", ask(method=None)), no("no scheme", "8.3.1", ask(scheme=None)),
    no("no path", "8.3.1", ask(path=None)), no("neither authority nor host", "8.3.1", ask(authority=None)),
    *[no(f"{name} twice", "8.3", ask()[:4] + [(name, value)]) for name, value in (
        (":method", "GET"), (":path", "/evil"), (":scheme", "https"), (":authority", "{h}"))],
    *[no(f"{name!r} has no place", "8.3", ask((name, "v"))) for name in (
        ":status", ":x", ":", ":host", ":Path", ":path ", ":path\r\nx", ":protocol")],
    no("behind a field", "8.3", [("x", "y"), *ask()]),
    no("one behind a field", "8.3", [*ask(path=None), ("x", "y"), (":path", "/evil")]),
    no("connect", "8.5", [(":method", "CONNECT"), (":authority", "{h}")], status=405),
    no("connect with a path", "8.5", ask(method="CONNECT")),
    no("connect to a protocol that is not served", "8441 4", ask((":protocol", "evil"), method="CONNECT")[:5],
       http1_status=405),
]

HOST = [
    no("host beside another authority", "8.3.1", ask(("host", "evil.test")), status=400),
    no("host of another port", "8.3.1", ask(("host", "lane.smuggle.test:1")), status=400),
    no("two hosts", "8.3.1", ask(("host", "{h}"), ("host", "{h}"))),
    no("two hosts, another", "8.3.1", ask(("host", "{h}"), ("host", "evil.test"))),
    no("an empty host", "8.3.1", ask(("host", ""))),
    no("host list", "8.3.1", ask(("host", "{h}, {h}")), status=400),
    no("host with user info", "8.3.1", ask(("host", "user@{h}")), status=400),
    no("another host without an authority", "8.3.1", ask(("host", "evil.test"), authority=None), status=421),
    no("a host that is none, without an authority", "8.3.1", ask(("host", "{h}/evil"), authority=None)),
    no("expect what nobody knows", "9110 10.1.1", ask(("expect", "200-ok"), method="POST"), b"x", status=417),
    no("a head too large", "10.5.1", ask(*[(f"x{number}", "v" * 5_000) for number in range(6)]), status=431),
    no("too many fields", "10.5.1", ask(*[("x", "")] * 300), status=431),
]

LENGTHS = [
    length("0", b"x", seen=("POST", ""), http1_whole=True),
    length("3", b"abc", b"d", seen=("POST", "abc"), http1_whole=True),
    length("5", b"abc"), length("5", b"abc", b""), length("2", b"abc"), length("3"), length("3",
    b""),
    length("", b"abc"), length("+3", b"abc"), length("-3", b"abc"), length("3 ", b"abc"),
    length("0x3", b"abc"), length("3.0", b"abc"), length("3, 3", b"abc"), length("3,", b"abc"),
    length("\xb3", b"abc"), length("18446744073709551619", b"abc"), length("3\r\ntransfer-encoding: chunked", b"abc"),
    no("zeros before a length", "8.1.1", ask(("content-length", "03"), method="POST"), b"abc", status=400),
    no("two lengths", "8.1.1", ask(("content-length", "3"), ("content-length", "4"), method="POST"), b"abc"),
    no("two equal lengths", "8.1.1", ask(("content-length", "3"), ("content-length", "3"), method="POST"), b"abc"),
    no("a length behind chunks", "8.2.2",
       ask(("transfer-encoding", "chunked"), ("content-length", "5"), method="POST"), b"0\r\n\r\n", EVIL.encode()),
]

TRAILERS = [no(f"the trailer {name!r}: {value!r}", "8.1", ask(method="POST"), b"abc", trailers=((name, value),))
            for name, value in ((":path", "/evil"), (":method", "GET"), ("X", "v"), ("x y", "v"), ("x\r\ny", "v"),
                                ("x", "v\r\nevil: 1"), ("x", "v\0"), ("connection", "close"), ("", "v"),
                                ("transfer-encoding", "chunked"), ("te", "gzip"),
                                ("content-length", "9"))]

PASSES = [
    yes("plain", "8"),
    yes("bytes above 0x7f in a value", "8.2.1", ("x", "caf\xc3\xa9 \xff"), holds=(("x", "caf\xc3\xa9 \xff"),)),
    yes("an empty value", "8.2.1", ("x", ""), holds=(("x", ""),)),
    yes("a value of blanks inside", "8.2.1", ("x", "a \t b"), holds=(("x", "a \t b"),)),
    yes("TE of trailers", "8.2.2", ("te", "trailers")),
    yes("crumbs", "8.2.3", ("cookie", "a=1"), ("x", "y"), ("cookie", "b=2"), holds=(("cookie", "a=1; b=2"),)),
    yes("host of the same authority", "8.3.1", ("host", "LANE.smuggle.test:{p}")),
    yes("host instead of the authority", "8.3.1", ("host", "{h}"), authority=None),
    yes("authority in capitals", "8.3.1", authority="Lane.Smuggle.TEST:{p}"),
    yes("scheme in capitals", "8.3.1", scheme="HTTPS"),
    yes("a query and odd characters", "8.3.1", path='{t}?a=|"{}%0d%0aX:%20y\\', target='{t}?a=|"{}%0d%0aX:%20y\\'),
    yes("fields of other hops", "8.2.2", ("http2-settings", "AAMAAABkAAQAAP__"), ("proxy-authorization", "Basic eDp5"),
        ("proxy-evil", "1"), lacks=("http2-settings", "proxy-authorization", "proxy-evil")),
    yes("fields of our own tunnel", "9110 5.1", ("sluice-process", "x"), ("sluice-verdict", "bypass"),
        lacks=("sluice-process", "sluice-verdict")),
    yes("names that are only alike", "8.2.2", ("transfer_encoding", "chunked"), ("x-transfer-encoding", "chunked")),
    yes("head", "8.1", method="HEAD", seen=("HEAD", "")),
    yes("rare method", "8.3.1", method="PROPFIND", seen=("PROPFIND", "")),
    yes("no content of a length", "8.1.1", ("content-length", "0"), method="POST", seen=("POST", "")),
    post("content of a length", "8.1.1", ("content-length", "3"), body=(b"abc",), seen="abc"),
    post("content in pieces", "8.1.1", ("content-length", "3"), body=(b"a", b"", b"b", b"c", b""), seen="abc"),
    post("content without a length", "8.1", body=(b"abc",), seen="abc"),
    post("content of nothing", "8.1", body=(b"",)),
    post("content that looks like chunks", "8.1", body=(b"0\r\n\r\n", EVIL.replace("evil", "inner").encode()),
         seen="0\r\n\r\n" + EVIL.replace("evil", "inner")),
    post("content that looks like chunks, of a length", "8.1", ("content-length", "6"), body=(b"0\r\n\r\nX",),
         seen="0\r\n\r\nX"),
    post("a name that is only alike, with content", "8.2.2", ("transfer_encoding", "chunked"), body=(b"0\r\n\r\n",),
         seen="0\r\n\r\n"),
    post("expect", "9110 10.1.1", ("expect", "100-continue"), body=(b"abc",), seen="abc"),
    post("trailers", "8.1", body=(b"abc",), trailers=(("x-sum", "1"),), seen="abc"),
    post("trailers that allow", "9110 6.5.1", body=(b"abc",), seen="abc",
         trailers=(("authorization", "evil"), ("cookie", "evil"), ("sluice-rule", "evil"), ("expect", "evil")),
         lacks=("authorization", "cookie", "sluice-rule", "expect")),
    *[post(f"the trailer {name}", "9110 6.5.1", body=(b"abc",), seen="abc", trailers=((name, value),))
      for name, value in (("te", "trailers"), ("host", "evil.test"))],
]

ROWS = [*NAMES, *VALUES, *OF_CONNECTION, *PSEUDO, *HOST, *LENGTHS, *TRAILERS, *PASSES]
