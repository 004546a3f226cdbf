"""HTTP/1.1 requests that two parsers could read differently, one row each: what must be said of them, or how many
requests everybody must see in them.

In the texts: {h} is host with port, {u} what stands before a path in the target of this lane's requests (the URL's
beginning for a plain proxy, nothing inside TLS), {s} the scheme, {t} the path of the honest request. Latin-1 is bytes.
"/evil" is what an attacker would like to be taken for a request of its own."""
import dataclasses

EVIL = "GET /evil HTTP/1.1\r\nHost: {h}\r\n\r\n"
CHUNKED = "Transfer-Encoding: chunked"
SIX = "0\r\n\r\nX"  # six bytes; as chunks: an end, and one byte of a next request
ABC = "3\r\nabc\r\n0\r\n\r\n"


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    section: str  # of RFC 9112, or as it says
    text: str
    status: int = 0  # of the refusal, behind what is `seen`; 0: it passes
    inside: int = 0  # the same inside TLS
    seen: tuple = ()  # (method, body) of each request that everybody sees
    holds: tuple = ()  # texts that the origin's bytes must have
    lacks: tuple = ()  # and must not
    closes: bool = False  # nothing behind it is answered
    lane: str = ""  # "plain", "secure": only there


def get(*fields, target="{u}{t}", version="HTTP/1.1", method="GET", host="Host: {h}\r\n"):
    return f"{method} {target} {version}\r\n{host}" + "".join(f"{field}\r\n" for field in fields) + "\r\n"


def post(*fields, body=""):
    return get(*fields, method="POST") + body


def chunks(body):
    return post(CHUNKED, body=body)


def six(*fields):
    return post(*fields, body=SIX)


def no(name, section, text, status=400, inside=0, lane="", seen=()):
    return Row(name, section, text, status, inside or status, seen, lane=lane)


def yes(name, section, text, *seen, holds=(), lacks=(), closes=False, lane=""):
    return Row(name, section, text, 0, 0, seen or (("GET", ""),), holds, lacks, closes, lane)


FRAMING = [
    no("cl.te", "6.1", post("Content-Length: 6", CHUNKED, body=SIX)),
    no("te.cl", "6.1", post(CHUNKED, "Content-Length: 4", body="5c\r\n" + EVIL + "\r\n0\r\n\r\n")),
    no("cl 0 and te", "6.1", post("Content-Length: 0", CHUNKED, body=ABC)),
    no("te and cl list", "6.1", six(CHUNKED, "Content-Length: 6, 6")),
    no("cl twice, different", "6.3", six("Content-Length: 6", "Content-Length: 5")),
    no("cl twice, equal", "6.3", six("Content-Length: 6", "Content-Length: 6")),
    no("cl twice, one in capitals", "6.3", six("Content-Length: 6", "CONTENT-LENGTH: 0")),
    no("cl twice, one empty", "6.3", six("Content-Length:", "Content-Length: 6")),
    no("cl list", "6.3", six("Content-Length: 6, 6")),
    no("cl list, different", "6.3", six("Content-Length: 6, 0")),
    no("cl trailing comma", "6.3", six("Content-Length: 6,")),
    no("cl leading comma", "6.3", six("Content-Length: ,6")),
    no("cl plus", "6.3", six("Content-Length: +6")),
    no("cl minus", "6.3", six("Content-Length: -6")),
    no("cl minus zero", "6.3", six("Content-Length: -0")),
    no("cl hex", "6.3", six("Content-Length: 0x6")),
    no("cl hex digits", "6.3", six("Content-Length: 6h")),
    no("cl float", "6.3", six("Content-Length: 6.0")),
    no("cl exponent", "6.3", six("Content-Length: 6e0")),
    no("cl inner blank", "6.3", six("Content-Length: 6 6")),
    no("cl inner tab", "6.3", six("Content-Length: 6\t6")),
    no("cl quoted", "6.3", six('Content-Length: "6"')),
    no("cl empty", "6.3", six("Content-Length:")),
    no("cl blanks", "6.3", six("Content-Length: \t ")),
    no("cl word", "6.3", six("Content-Length: six")),
    no("cl parameter", "6.3", six("Content-Length: 6;x")),
    no("cl underscore", "6.3", six("Content_Length: 6", "Content-Length: 1_0")),
    no("cl overflow", "6.3", six("Content-Length: 18446744073709551622")),
    no("cl above 63 bits", "6.3", six("Content-Length: 9223372036854775808")),
    no("cl other digits", "6.3", six("Content-Length: \xd9\xa6")),
    no("cl superscript", "6.3", six("Content-Length: \xb2")),
    no("cl with nul", "6.3", six("Content-Length: 6\0")),
    no("cl with form feed", "6.3", six("Content-Length: \x0c6")),
    no("cl in the connection's list", "9110 7.6.1",
       post("Connection: Content-Length", "Content-Length: 4", body="abcd")),
    no("te identity", "7", six("Transfer-Encoding: identity")),
    no("te gzip, chunked", "7", six("Transfer-Encoding: gzip, chunked")),
    no("te identity, chunked", "7", six("Transfer-Encoding: identity, chunked")),
    no("te chunked, identity", "6.1", six("Transfer-Encoding: chunked, identity")),
    no("te chunked, gzip", "6.1", six("Transfer-Encoding: chunked, gzip")),
    no("te chunked twice", "6.1", six("Transfer-Encoding: chunked, chunked")),
    no("te two fields", "6.1", six(CHUNKED, CHUNKED)),
    no("te two fields, x", "6.1", six(CHUNKED, "Transfer-Encoding: x")),
    no("te two fields, identity first", "6.1", six("Transfer-Encoding: identity", CHUNKED)),
    no("te two fields, other case", "6.1", six("transfer-encoding: x", "TRANSFER-ENCODING: chunked")),
    no("te xchunked", "7", six("Transfer-Encoding: xchunked")),
    no("te chunkedx", "7", six("Transfer-Encoding: chunkedx")),
    no("te chunk", "7", six("Transfer-Encoding: chunk")),
    no("te quoted", "7", six('Transfer-Encoding: "chunked"')),
    no("te single quotes", "7", six("Transfer-Encoding: 'chunked'")),
    no("te vertical tab", "7", six("Transfer-Encoding: \x0bchunked")),
    no("te form feed", "7", six("Transfer-Encoding: chunked\x0c")),
    no("te nul", "7", six("Transfer-Encoding: chunked\0")),
    no("te no-break blank", "7", six("Transfer-Encoding: \xa0chunked")),
    no("te next line", "7", six("Transfer-Encoding: chunked\x85")),
    no("te cut in two", "7", six("Transfer-Encoding: ch unked")),
    no("te parameter", "7", six("Transfer-Encoding: chunked; a=b")),
    no("te weight", "7", six("Transfer-Encoding: chunked;q=1.0")),
    no("te empty", "7", six("Transfer-Encoding:")),
    no("te leading comma", "7", six("Transfer-Encoding: , chunked")),
    no("te trailing comma", "7", six("Transfer-Encoding: chunked,")),
    no("te behind a colon", "7", six("Transfer-Encoding: : chunked")),
    no("te of http/1.0", "6.1", get(CHUNKED, method="POST", version="HTTP/1.0") + SIX),
    no("te in the connection's list", "9110 7.6.1", post("Connection: Transfer-Encoding", CHUNKED, body=ABC)),
    no("no length is no body", "6.3", post(body=SIX), seen=(("POST", ""),)),
    no("zeros before a length", "6.2", post("Content-Length: 0005", body="hello")),
]

FIELDS = [
    no("blank before a colon", "5.1", six("Content-Length : 6")),
    no("tab before a colon", "5.1", six("Content-Length\t: 6")),
    no("blank before te's colon", "5.1", six("Transfer-Encoding : chunked")),
    no("vertical tab before a colon", "5.1", six("Transfer-Encoding\x0b: chunked")),
    no("no-break blank before a colon", "5.1", six("Content-Length\xa0: 6")),
    no("nul before a colon", "5.1", six("Content-Length\0: 6")),
    no("blank inside a name", "5.1", six("Content Length: 6")),
    no("quoted name", "5.1", six('"Content-Length": 6')),
    no("name with a bracket", "5.1", post("A(b): c")),
    no("name with a slash", "5.1", post("A/b: c")),
    no("name with a byte above 0x7f", "5.1", post("\xe4: c")),
    no("name behind a byte order mark", "5.1", six("\xef\xbb\xbfContent-Length: 6")),
    no("name with a bare cr", "5.1", post("A\rB: c")),
    no("name with del", "5.1", post("A\x7f: c")),
    no("leading blank", "2.2", six(" Content-Length: 6")),
    no("first line folded", "2.2", "POST {u}{t} HTTP/1.1\r\n Host: {h}\r\nContent-Length: 6\r\n\r\n" + SIX),
    no("tab before a name", "5.2", six("A: b", "\tTransfer-Encoding: chunked")),
    no("obs-fold", "5.2", post("A: b", " c")),
    no("obs-fold of nothing", "5.2", post("A: b", " ")),
    no("obs-fold in te", "5.2", six("Transfer-Encoding:", " chunked")),
    no("obs-fold in cl", "5.2", six("Content-Length:", "\t6")),
    no("obs-fold in host", "5.2", get(host="Host:\r\n {h}\r\n")),
    no("no colon", "5", post("Nonsense")),
    no("empty name", "5.1", post(": x")),
    no("nul in a value", "9110 5.5", post("A: b\0c")),
    no("bell in a value", "9110 5.5", post("A: b\x07c")),
    no("escape in a value", "9110 5.5", post("A: \x1b[2J")),
    no("del in a value", "9110 5.5", post("A: b\x7fc")),
    no("bare cr in a value", "2.2", six("A: b\rContent-Length: 6")),
    no("bare lf in a value", "2.2", six("A: b\nContent-Length: 6")),
    no("lf cr", "2.2", six("A: b\n\rContent-Length: 6")),
    no("cr cr lf", "2.2", six("A: b\r\r\nContent-Length: 6")),
    no("bare lf line ends", "2.2", "POST {u}{t} HTTP/1.1\nHost: {h}\nContent-Length: 6\n\n" + SIX),
    no("bare lf behind the request line", "2.2", "GET {u}{t} HTTP/1.1\nHost: {h}\r\n\r\n"),
    no("bare lf at the head's end", "2.2", "GET {u}{t} HTTP/1.1\r\nHost: {h}\r\n\n" + EVIL),
    no("bare cr line ends", "2.2", "GET {u}{t} HTTP/1.1\rHost: {h}\r\r" + EVIL),
    no("head's end without lf", "2.2", "GET {u}{t} HTTP/1.1\r\nHost: {h}\r\n\r" + EVIL),
    no("a line of blanks", "2.2", "GET {u}{t} HTTP/1.1\r\nHost: {h}\r\n \r\n" + EVIL),
    no("too many fields", "9110 15.5", get(*["A: b"] * 201), 431),
    no("a head too large", "9110 15.5", get("A: " + "b" * 17_000), 431),
    no("connection takes host", "9110 7.6.1", get("Connection: Host")),
    no("connection takes host behind others", "9110 7.6.1", get("Connection: close, hOsT")),
    no("connection names no token", "9110 7.6.1", get("Connection: a b")),
    no("expect what nobody knows", "9110 10.1.1", six("Content-Length: 6", "Expect: 200-ok"), 417),
    no("expect twice", "9110 10.1.1", six("Content-Length: 6", "Expect: 100-continue", "Expect: 100-continue"), 417),
]

LINE = [
    no("two blanks", "3", "GET  {u}{t} HTTP/1.1\r\nHost: {h}\r\n\r\n"),
    no("two blanks before the version", "3", "GET {u}{t}  HTTP/1.1\r\nHost: {h}\r\n\r\n"),
    no("tabs in the request line", "3", "GET\t{u}{t}\tHTTP/1.1\r\nHost: {h}\r\n\r\n"),
    no("an empty line before", "2.2", "\r\n" + get()),
    no("blank at the end", "3", get(version="HTTP/1.1 ")),
    no("blank at the beginning", "3", " " + get()),
    no("nul at the beginning", "3", "\0" + get()),
    no("blank in the target", "3", get(target="{u}{t} /evil")),
    no("a second version", "3", get(version="HTTP/1.1 HTTP/1.1")),
    no("no version", "3", "GET {u}{t}\r\nHost: {h}\r\n\r\n"),
    no("http/0.9", "3", "GET {u}{t}\r\n"),
    no("http/1.2", "9110 2.5", get(version="HTTP/1.2")),
    no("http/1.10", "2.3", get(version="HTTP/1.10")),
    no("http/01.1", "2.3", get(version="HTTP/01.1")),
    no("http/1,1", "2.3", get(version="HTTP/1,1")),
    no("http/2.0", "2.3", get(version="HTTP/2.0")),
    no("lower-case version", "2.3", get(version="http/1.1")),
    no("another protocol", "2.3", get(version="ICY/1.1")),
    no("vertical tab behind the version", "2.3", get(version="HTTP/1.1\x0b")),
    no("bare cr behind the version", "2.2", get(version="HTTP/1.1\r")),
    no("method with brackets", "3.1", get(method="GE(T")),
    no("method with a byte above 0x7f", "3.1", get(method="G\xcbT")),
    no("method with a colon", "3.1", get(method="Host:")),
    no("nul in the target", "3.2", get(target="{u}{t}\0")),
    no("a byte above 0x7f in the target", "3.2", get(target="{u}{t}\xe4")),
    no("del in the target", "3.2", get(target="{u}{t}\x7f")),
    no("bare cr in the target", "3.2", get(target="{u}{t}\rX:y")),
    no("bare lf in the target", "3.2", get(target="{u}{t}\nX:y")),
    no("tab in the target", "3.2", get(target="{u}{t}\tx")),
    no("fragment", "3.2", get(target="{u}{t}#/evil")),
    no("relative target", "3.2", get(target="evil"), 405),
    no("backslash before the path", "3.2", get(target="\\\\{h}{t}"), 405),
    no("asterisk of GET", "3.2.4", get(target="*"), 405, lane="secure"),
    no("connect inside", "3.2.3", get(method="CONNECT", target="{h}"), 405, lane="secure"),
    no("origin-form to a plain proxy", "3.2.1", get(target="{t}"), 405, lane="plain"),
]

HOST = [
    no("no host", "3.2", get(host="")),
    no("an empty host", "3.2", get(host="Host:\r\n")),
    no("two hosts", "3.2", get("Host: {h}")),
    no("two hosts, another first", "3.2", get(host="Host: evil.test\r\nHost: {h}\r\n")),
    no("host and a cased one", "3.2", get("hOST: evil.test")),
    no("another host", "3.2.2", get(host="Host: evil.test\r\n"), lane="plain"),
    no("another host inside tls", "9110 7.4", get(host="Host: evil.test\r\n"), 421, lane="secure"),
    no("another port", "3.2.2", get(host="Host: lane.smuggle.test:1\r\n"), lane="plain"),
    no("another port inside tls", "9110 7.4", get(host="Host: lane.smuggle.test:1\r\n"), 421, lane="secure"),
    no("host with user info", "3.2", get(host="Host: user@{h}\r\n")),
    no("host with a path", "3.2", get(host="Host: {h}/evil\r\n")),
    no("host with a query", "3.2", get(host="Host: {h}?evil\r\n")),
    no("host with a fragment", "3.2", get(host="Host: {h}#evil\r\n")),
    no("host with a scheme", "3.2", get(host="Host: http://{h}\r\n")),
    no("host list", "3.2", get(host="Host: {h}, {h}\r\n")),
    no("host with two ports", "3.2", get(host="Host: {h}:80\r\n")),
    no("host with a blank", "3.2", get(host="Host: {h} evil.test\r\n")),
    no("host with nul", "3.2", get(host="Host: {h}\0.evil.test\r\n")),
    no("host with a byte above 0x7f", "3.2", get(host="Host: ev\xefl.test\r\n")),
    no("host of half an address", "3.2", get(host="Host: 127.1\r\n")),
    no("host of an open bracket", "3.2", get(host="Host: [::1\r\n")),
    no("user info in the target", "9110 4.2.4", get(target="{s}://user@{h}{t}"), inside=405),
    no("no authority in the target", "3.2.2", get(target="{s}:///evil"), inside=405),
    no("another scheme", "3.2.2", get(target="ftp://{h}{t}"), 405),
    no("a port that is none", "3.2.2", get(target="{s}://lane.smuggle.test:99999{t}"), inside=405),
    no("absolute target of another host", "3.2.2", get(target="{s}://evil.test{t}"), inside=405),
    no("absolute target inside tls", "3.2.2", get(target="https://{h}{t}"), 405, lane="secure"),
    no("absolute http target inside tls", "3.2.2", get(target="http://{h}{t}"), 405, lane="secure"),
]

CHUNKS = [
    no("size of nothing", "7.1", chunks("\r\nabc\r\n0\r\n\r\n")),
    no("size with a plus", "7.1", chunks("+" + ABC)),
    no("size with a minus", "7.1", chunks("-" + ABC)),
    no("size 0x", "7.1", chunks("0x" + ABC)),
    no("size with an h", "7.1", chunks("3h\r\nabc\r\n0\r\n\r\n")),
    no("size with an underscore", "7.1", chunks("0_3\r\nabc\r\n0\r\n\r\n")),
    no("size list", "7.1", chunks("3,3\r\nabc\r\n0\r\n\r\n")),
    no("size behind a blank", "7.1", chunks(" " + ABC)),
    no("size behind a line", "7.1", chunks("\r\n" + ABC)),
    no("size quoted", "7.1", chunks('"3"\r\nabc\r\n0\r\n\r\n')),
    no("size of other digits", "7.1", chunks("\xb3\r\nabc\r\n0\r\n\r\n")),
    no("size with nul", "7.1", chunks("3\0\r\nabc\r\n0\r\n\r\n")),
    no("size overflow", "7.1", chunks("10000000000000003\r\nabc\r\n0\r\n\r\n")),
    no("size of sixteen f", "7.1", chunks("FFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n")),
    no("size of many zeros", "7.1", chunks("0" * 20 + ABC)),
    no("size bare lf", "7.1", chunks("3\nabc\r\n0\r\n\r\n")),
    no("size bare cr", "7.1", chunks("3\rabc\r\n0\r\n\r\n")),
    no("size cr cr lf", "7.1", chunks("3\r\r\nabc\r\n0\r\n\r\n")),
    no("last size bare lf", "7.1", chunks("3\r\nabc\r\n0\n\n" + EVIL)),
    no("chunk end bare lf", "7.1", chunks("3\r\nabc\n0\r\n\r\n")),
    no("chunk end bare cr", "7.1", chunks("3\r\nabc\r0\r\n\r\n")),
    no("chunk end two bytes of others", "7.1", chunks("3\r\nabcXX0\r\n\r\n" + EVIL)),
    no("chunk without an end", "7.1", chunks("3\r\nabc0\r\n\r\n")),
    no("chunk too long", "7.1", chunks("3\r\nabcd\r\n0\r\n\r\n")),
    no("chunk too short", "7.1", chunks("3\r\nab\r\n0\r\n\r\n")),
    no("body end bare lf", "7.1", chunks("3\r\nabc\r\n0\r\n\n" + EVIL)),
    no("body end without lf", "7.1", chunks("3\r\nabc\r\n0\r\n\r" + EVIL)),
    no("extension with a bare cr", "7.1.1", chunks("3;a\rb\r\nabc\r\n0\r\n\r\n")),
    no("extension with a bare lf", "7.1.1", chunks("3;a\nabc\r\n0\r\n\r\n")),
    no("extension ends at lf for some", "7.1.1", chunks("2;\nxx\r\n49\r\n0\r\n\r\n" + EVIL + "\r\n0\r\n\r\n")),
    no("extension with nul", "7.1.1", chunks("3;a=\0\r\nabc\r\n0\r\n\r\n")),
    no("extension with a quoted line end", "7.1.1", chunks('3;a="\r\n"\r\nabc\r\n0\r\n\r\n')),
    no("extension of the last chunk with lf", "7.1.1", chunks("3\r\nabc\r\n0;a\n\r\n" + EVIL)),
    no("extension too long", "7.1.1", chunks("3;" + "a" * 2_000 + "\r\nabc\r\n0\r\n\r\n")),
    no("trailer with a fold", "7.1.2", chunks("3\r\nabc\r\n0\r\nA: b\r\n c\r\n\r\n")),
    no("trailer with a bare lf", "7.1.2", chunks("3\r\nabc\r\n0\r\nA: b\n\r\n")),
    no("trailer without a colon", "7.1.2", chunks("3\r\nabc\r\n0\r\nGET /evil HTTP/1.1\r\n\r\n")),
    no("trailer with a blank before its colon", "7.1.2", chunks("3\r\nabc\r\n0\r\nA : b\r\n\r\n")),
    no("trailer with nul", "7.1.2", chunks("3\r\nabc\r\n0\r\nA: b\0\r\n\r\n")),
    no("trailers too large", "7.1.2", chunks("3\r\nabc\r\n0\r\nA: " + "b" * 17_000 + "\r\n\r\n")),
]

PASSES = [
    yes("plain", "3", get(), holds=("GET {t} HTTP/1.1\r\nHost: {h}\r\n",)),
    yes("body", "6.2", post("Content-Length: 5", body="hello"), ("POST", "hello"),
        holds=("\r\nContent-Length: 5\r\n",)),
    yes("no body", "6.3", post("Content-Length: 0"), ("POST", "")),
    yes("a body that looks like a request", "6.2", post("Content-Length: 5", body="GET /") + get(), ("POST", "GET /"),
        ("GET", "")),
    yes("a body that looks like chunks", "6.2", six("Content-Length: 6"), ("POST", SIX)),
    yes("body of GET", "6.2", get("Content-Length: 26") + "GET /inner HTTP/1.1\r\nA: b\r", ("GET",
        "GET /inner HTTP/1.1\r\nA: b\r")),
    yes("chunked body of GET", "6.1", get(CHUNKED) + ABC, ("GET", "abc")),
    yes("a name that is only alike", "5.1", post("Transfer_Encoding: chunked", "Content-Length: 5", body="0\r\n\r\n"),
        ("POST", "0\r\n\r\n")),
    yes("another name that is alike", "5.1", post("X-Transfer-Encoding: chunked", "Content-Length: 2", body="ab"),
        ("POST", "ab")),
    yes("extension", "7.1.1", chunks("3;name=value\r\nabc\r\n0\r\n\r\n"), ("POST", "abc"), lacks=(";name",)),
    yes("quoted extension", "7.1.1", chunks('3;a="b;c"\r\nabc\r\n0;last\r\n\r\n'), ("POST", "abc"),
        lacks=("b;c", "last")),
    yes("zeros before a size", "7.1", chunks("000" + ABC), ("POST", "abc"), lacks=("0003",)),
    yes("many zeros at the end", "7.1", chunks("3\r\nabc\r\n000\r\n\r\n"), ("POST", "abc"), lacks=("000",)),
    yes("sizes in both cases", "7.1", chunks("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"),
        ("POST", "0123456789" * 2)),
    yes("blanks behind a size", "7.1", chunks("3 \t\r\nabc\r\n0\r\n\r\n"), ("POST", "abc"), lacks=("3 ",)),
    yes("upper-case chunked", "7", post("Transfer-Encoding: CHUNKED", body=ABC), ("POST", "abc"), holds=(CHUNKED,)),
    yes("blanks around chunked", "5.1", post("Transfer-Encoding:\t chunked \t", body=ABC), ("POST", "abc"),
        lacks=("\t",)),
    yes("a request inside a chunk", "7.1", chunks("1e\r\nGET /inner HTTP/1.1\r\nHost: a\r\n\r\n0\r\n\r\n"),
        ("POST", "GET /inner HTTP/1.1\r\nHost: a\r\n")),
    yes("smuggled trailers", "7.1.2", chunks("3\r\nabc\r\n0\r\nContent-Length: 9\r\nHost: evil.test\r\n"
                                             "Transfer-Encoding: chunked\r\nAuthorization: x\r\n\r\n"), ("POST", "abc"),
        lacks=("Content-Length", "evil", "Authorization")),
    yes("an honest trailer", "7.1.2", post(CHUNKED, "Trailer: X-Sum", body="3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"),
        ("POST", "abc")),
    yes("fields of one hop", "9110 7.6.1",
        get("Connection: X-Secret", "X-Secret: 1", "Keep-Alive: 5", "TE: gzip, chunked", "Proxy-Connection: keep-alive",
            "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__", "Proxy-Authenticate: x"),
        lacks=("X-Secret", "Keep-Alive", "gzip", "Proxy-", "Upgrade", "HTTP2-Settings")),
    yes("fields named by two lists", "9110 7.6.1", get("Connection: a", "Connection: ,b , ,", "A: 1", "B: 2", "C: 3"),
        holds=("\r\nC: 3\r\n",), lacks=("\r\nA: 1", "\r\nB: 2")),
    yes("fields of our own tunnel", "9110 5.1", get("Sluice-Process: x", "sluice-verdict: bypass"), lacks=("sluice",)),
    yes("blanks around a value", "5.1", get("A: \t b \t "), holds=("A: b\r\n",)),
    yes("no blank before a value", "5.1", get("A:b"), holds=("A: b\r\n",)),
    yes("bytes above 0x7f in a value", "9110 5.5", get("A: caf\xc3\xa9 \xff"), holds=("A: caf\xc3\xa9 \xff\r\n",)),
    yes("an empty value", "5.1", get("A:"), holds=("A: \r\n",)),
    yes("host in capitals", "9110 4.2.3", get(host="HOST: LANE.smuggle.test:{p}\r\n"), holds=("\r\nHost: {h}\r\n",)),
    yes("host behind other fields", "3.2", get("A: b", "Host: {h}", host=""), holds=("HTTP/1.1\r\nHost: {h}\r\n",)),
    yes("a query and odd characters", "3.2", get(target='{u}{t}?a=|"{}%0d%0aX:%20y\\'),
        holds=('{t}?a=|"{}%0d%0aX:%20y\\ HTTP/1.1',)),
    yes("pipelined", "9.3.2", get() + get() + get(), *[("GET", "")] * 3),
    yes("expect", "9110 10.1.1", post("Expect: 100-continue", "Content-Length: 3", body="abc"), ("POST", "abc")),
    yes("expect in capitals", "9110 10.1.1", post("Expect: 100-CONTINUE", CHUNKED, body=ABC), ("POST", "abc")),
    yes("head", "9110 9.3.2", get(method="HEAD"), ("HEAD", "")),
    yes("rare method", "9110 9.1", get(method="PROPFIND"), ("PROPFIND", "")),
    yes("http/1.0", "2.3", get(version="HTTP/1.0"), holds=(" HTTP/1.1\r\n",), closes=True),
    yes("http/1.0 that wants more", "9.3", get("Connection: keep-alive", version="HTTP/1.0"), closes=True),
    yes("a length in http/1.0", "6.2", get("Content-Length: 3", method="POST", version="HTTP/1.0") + "abc",
        ("POST", "abc"), closes=True),
    yes("no host in http/1.0", "3.2", get(version="HTTP/1.0", host=""), holds=("\r\nHost: {h}\r\n",), closes=True,
        lane="plain"),
    yes("close among others", "9.6", get("Connection: a, Close"), closes=True),
]

ROWS = [*FRAMING, *FIELDS, *LINE, *HOST, *CHUNKS, *PASSES]
