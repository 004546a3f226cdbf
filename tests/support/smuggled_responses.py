"""HTTP/1.1 responses that two parsers could read differently, one row each: what the client hears of them. "evil" is
what an attacker would like somebody to take for the answer to another request."""
import dataclasses

EVIL = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
CHUNKED = "Transfer-Encoding: chunked"
ABC = "3\r\nabc\r\n0\r\n\r\n"
CUT = -1  # the head may have left; the body breaks off


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    section: str  # of RFC 9112, or as it says
    text: str
    status: int  # that the client hears, or CUT
    body: str = ""  # with a status of the origin's
    method: str = "GET"
    ends: bool = False  # the origin closes behind it
    goodbye: bool = True  # and says so in TLS
    holds: tuple = ()  # texts that the client's bytes must have
    lacks: tuple = ()  # and must not


def response(*fields, body="", line="HTTP/1.1 200 OK"):
    return f"{line}\r\n" + "".join(f"{field}\r\n" for field in fields) + "\r\n" + body


def no(name, section, text, status=502, **rest):
    """The origin's answer is refused."""
    return Row(name, section, text, status, **rest)


def line(name, text, section="4"):
    return no(name, section, response("Content-Length: 3", body="abc", line=text))


def framed(name, *fields, section="6.3", body="abc"):
    return no(name, section, response(*fields, body=body))


def cut(name, body, section="7.1", **rest):
    """Found wrong in its body."""
    return Row(name, section, response(CHUNKED, body=body), CUT, **rest)


def yes(name, section, text, body="abc", status=200, **rest):
    return Row(name, section, text, status, body, **rest)


FRAMING = [
    framed("cl.te", "Content-Length: 3", CHUNKED, section="6.1", body=ABC),
    framed("te.cl", CHUNKED, "Content-Length: 3", section="6.1", body=ABC),
    framed("cl twice, different", "Content-Length: 3", "Content-Length: 0", body="abc" + EVIL),
    framed("cl twice, equal", "Content-Length: 3", "Content-Length: 3"),
    framed("cl list", "Content-Length: 3, 3"),
    framed("cl list, different", "Content-Length: 3, 0"),
    framed("cl comma", "Content-Length: 3,"),
    framed("cl plus", "Content-Length: +3"),
    framed("cl minus", "Content-Length: -3"),
    framed("cl inner blank", "Content-Length: 3 3"),
    framed("cl hex", "Content-Length: 0x3"),
    framed("cl empty", "Content-Length:"),
    framed("cl word", "Content-Length: three"),
    framed("cl float", "Content-Length: 3.0"),
    framed("cl overflow", "Content-Length: 18446744073709551619"),
    framed("cl of other digits", "Content-Length: \xb3"),
    framed("zeros before a length", "Content-Length: 003"),
    framed("cl in the connection's list", "Connection: Content-Length", "Content-Length: 3", section="9110 7.6.1"),
    framed("te in the connection's list", "Connection: Transfer-Encoding", CHUNKED, section="9110 7.6.1", body=ABC),
    framed("connection names no token", "Connection: a b", "Content-Length: 3", section="9110 7.6.1"),
    framed("te identity", "Transfer-Encoding: identity", section="7"),
    framed("te gzip, chunked", "Transfer-Encoding: gzip, chunked", section="7", body=ABC),
    framed("te chunked, gzip", "Transfer-Encoding: chunked, gzip", section="6.1", body=ABC),
    framed("te chunked twice", "Transfer-Encoding: chunked, chunked", section="6.1", body=ABC),
    framed("te two fields", CHUNKED, CHUNKED, section="6.1", body=ABC),
    framed("te xchunked", "Transfer-Encoding: xchunked", section="7", body=ABC),
    framed("te vertical tab", "Transfer-Encoding: \x0bchunked", section="7", body=ABC),
    framed("te empty", "Transfer-Encoding:", section="7", body=ABC),
    framed("te parameter", "Transfer-Encoding: chunked;a=b", section="7", body=ABC),
    no("te of http/1.0", "6.1", response(CHUNKED, body=ABC, line="HTTP/1.0 200 OK")),
]

HEADS = [framed(name, text, "Content-Length: 3", section="5.1") for name, text in (
    ("blank before a colon", "A : b"), ("tab before a colon", "A\t: b"), ("blank inside a name", "A B: c"),
    ("empty name", ": b"), ("no colon", "A"), ("name with a control byte", "A\x01: b"), ("name with nul", "A\0: b"),
    ("name with a bare cr", "A\rB: c"), ("name with del", "A\x7f: b"), ("name above 0x7f", "\xe9: b"),
    ("name with a bracket", "A(: b"), ("obs-fold", "A: b\r\n c"), ("obs-fold by a tab", "A: b\r\n\tc"),
    ("obs-fold of nothing", "A: b\r\n "), ("leading blank", " A: b"), ("nul in a value", "A: b\0c"),
    ("del in a value", "A: b\x7f"), ("escape in a value", "A: \x1b[2J"),
    ("bare cr in a value", "A: b\rSet-Cookie: evil"),
    ("bare lf in a value", "A: b\nSet-Cookie: evil"), ("cr cr lf", "A: b\r\r\nSet-Cookie: evil"),
    ("lf cr", "A: b\n\rSet-Cookie: evil"))] + [
    no("bare lf line ends", "2.2", "HTTP/1.1 200 OK\nContent-Length: 3\n\nabc"),
    no("bare lf behind the status line", "2.2", "HTTP/1.1 200 OK\nContent-Length: 3\r\n\r\nabc"),
    no("bare lf at the head's end", "2.2", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\nabc"),
    no("head's end without lf", "2.2", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\rabc", ends=True),
    no("a line of blanks", "2.2", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n \r\nabc"),
    no("too many fields", "9110 15.6", response(*["A: b"] * 1_000, "Content-Length: 0")),
    no("a head too large", "9110 15.6", response("A: " + "b" * 200_000, "Content-Length: 0")),
    no("a head that ends", "9110 15.6", "HTTP/1.1 200 OK\r\nContent-Le", ends=True),
    no("nothing at all", "9110 15.6", "", ends=True),
]

LINES = [
    line("four digits", "HTTP/1.1 2000 OK"), line("two digits", "HTTP/1.1 20 OK"), line("a sign", "HTTP/1.1 -20 OK"),
    line("letters", "HTTP/1.1 2x0 OK"), line("two blanks", "HTTP/1.1  200 OK"), line("tabs", "HTTP/1.1\t200\tOK"),
    line("a status below 100", "HTTP/1.1 099 OK"), line("http/2.0", "HTTP/2.0 200 OK"),
    line("http/1.2", "HTTP/1.2 200 OK"),
    line("http/1.10", "HTTP/1.10 200 OK"), line("lower case", "http/1.1 200 OK"),
    line("another protocol", "ICY 200 OK"),
    line("no version", "200 OK"), line("leading blank", " HTTP/1.1 200 OK"),
    line("an empty line before", "\r\nHTTP/1.1 200 OK"),
    line("a control byte in the reason", "HTTP/1.1 200 O\x01K"), line("nul in the reason", "HTTP/1.1 200 O\0K"),
    line("a bare cr in the reason", "HTTP/1.1 200 OK\rSet-Cookie: evil"),
    no("http/0.9", "4", "<html>evil</html>", ends=True),
    no("another server's words", "4", "220 mail.test ESMTP\r\n"),
    no("switching without being asked", "9110 15.2.2",
       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n" + EVIL),
    no("a flood of interim ones", "9110 15.2", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 2_000),
    no("an interim one with content", "9110 15.2", "HTTP/1.1 103 Early Hints\r\nContent-Length: 4\r\n\r\nevil" + EVIL),
    no("an interim one in chunks", "9110 15.2", "HTTP/1.1 103 Early Hints\r\n" + CHUNKED + "\r\n\r\n" + ABC + EVIL),
]

BODIES = [cut(f"chunks: {name}", body) for name, body in (
    ("a size of nothing", "\r\nabc\r\n0\r\n\r\n"), ("a sign", "+" + ABC), ("0x", "0x" + ABC),
    ("an h", "3h\r\nabc\r\n0\r\n\r\n"),
    ("a blank before", " " + ABC), ("overflow", "10000000000000003\r\nabc\r\n0\r\n\r\n"), ("bare lf", "3\nabc\n0\n\n"),
    ("sixteen f", "FFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n"), ("bare cr", "3\rabc\r\n0\r\n\r\n"),
    ("an end of bare lf", "3\r\nabc\n0\r\n\r\n"), ("too long", "3\r\nabcd\r\n0\r\n\r\n"),
    ("too short", "3\r\nab\r\n0\r\n\r\n"),
    ("a cr in an extension", "3;a\rb\r\nabc\r\n0\r\n\r\n"), ("an lf in an extension", "3;a\nabc\r\n0\r\n\r\n"),
    ("a trailer with a fold", "3\r\nabc\r\n0\r\nA: b\r\n c\r\n\r\n"),
    ("a trailer with an lf", "3\r\nabc\r\n0\r\nA: b\nC: d\r\n\r\n"),
    ("a trailer without a colon", "3\r\nabc\r\n0\r\nevil\r\n\r\n"),
    ("a body's end of bare lf", "3\r\nabc\r\n0\r\n\n" + EVIL))] + [
    Row("less than announced", "8", response("Content-Length: 9", body="abc"), CUT, ends=True),
    Row("chunks that end early", "8", response(CHUNKED, body="9\r\nabc"), CUT, ends=True),
    Row("no last chunk", "8", response(CHUNKED, body="3\r\nabc\r\n"), CUT, ends=True),
    Row("half a last chunk", "8", response(CHUNKED, body="3\r\nabc\r\n0\r\n"), CUT, ends=True),
    Row("until an end of the connection that is not TLS's", "9.8", response(body="abc"), CUT, ends=True, goodbye=False),
]

PASSES = [
    yes("a length", "6.2", response("Content-Length: 3", body="abc"), holds=("\r\nContent-Length: 3\r\n",)),
    yes("chunks", "7.1", response(CHUNKED, body=ABC)),
    yes("no reason", "4", response("Content-Length: 3", body="abc", line="HTTP/1.1 200 ")),
    yes("bytes above 0x7f in the reason", "4", response("Content-Length: 3", body="abc", line="HTTP/1.1 200 caf\xe9")),
    yes("http/1.0", "2.3", response("Content-Length: 3", body="abc", line="HTTP/1.0 200 OK"), holds=("HTTP/1.1 200 ",)),
    yes("until the end", "6.3", response(body="abc"), ends=True),
    yes("until the end, of http/1.0", "6.3", response(body="abc", line="HTTP/1.0 200 OK"), ends=True),
    yes("nothing until the end", "6.3", response(), "", ends=True),
    yes("upper-case chunked", "7", response("Transfer-Encoding: CHUNKED", body=ABC), lacks=("CHUNKED",)),
    yes("an extension", "7.1.1", response(CHUNKED, body="3;name=value\r\nabc\r\n0;last\r\n\r\n"),
        lacks=("name=", "last")),
    yes("zeros before a size", "7.1", response(CHUNKED, body="000" + ABC), lacks=("0003",)),
    yes("smuggled trailers", "7.1.2",
        response(CHUNKED, body="3\r\nabc\r\n0\r\nContent-Length: 9\r\nSet-Cookie: evil\r\nUpgrade: x\r\n\r\n"),
        lacks=("Content-Length: 9", "Set-Cookie")),
    yes("an answer behind an answer", "9.3", response("Content-Length: 3", body="abc") + EVIL),
    yes("an answer behind nothing", "9.3", response("Content-Length: 0") + EVIL, ""),
    yes("an answer behind chunks", "9.3", response(CHUNKED, body=ABC) + EVIL),
    yes("blanks behind an answer", "9.3", response("Content-Length: 3", body="abc") + "\r\n\r\n"),
    yes("204 of a length", "6.3", response("Content-Length: 4", body="evil", line="HTTP/1.1 204 No Content"), "", 204,
        lacks=("Content-Length: 4",)),
    yes("204 in chunks", "6.3", response(CHUNKED, body="4\r\nevil\r\n0\r\n\r\n", line="HTTP/1.1 204 No Content"),
        "", 204, lacks=("chunked",)),
    yes("204 with an answer behind it", "6.3", response(line="HTTP/1.1 204 No Content") + EVIL, "", 204),
    yes("304 with content", "6.3", response("Content-Length: 4", body="evil", line="HTTP/1.1 304 Not Modified"),
        "", 304),
    yes("304 in chunks", "6.3", response(CHUNKED, body="4\r\nevil\r\n0\r\n\r\n", line="HTTP/1.1 304 Not Modified"),
        "", 304, lacks=("chunked",)),
    yes("HEAD with content", "6.3", response("Content-Length: 4", body="evil"), "", method="HEAD"),
    yes("HEAD with an answer as content", "6.3", response(f"Content-Length: {len(EVIL)}", body=EVIL), "",
        method="HEAD"),
    yes("HEAD in chunks", "6.3", response(CHUNKED, body="4\r\nevil\r\n0\r\n\r\n"), "", method="HEAD"),
    yes("an interim one first", "9110 15.2", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" +
        response("Content-Length: 3", body="abc")),
    yes("fields of one hop", "9110 7.6.1", response("Connection: X-Secret", "X-Secret: 1", "Keep-Alive: timeout=1",
                                                    "Proxy-Authenticate: x", "Upgrade: h2c", "Content-Length: 3",
                                                    body="abc"),
        lacks=("X-Secret", "Keep-Alive", "Proxy-Auth", "Upgrade")),
    yes("blanks around a value", "5.1", response("A: \t b \t ", "Content-Length: 3", body="abc"), holds=("A: b\r\n",)),
    yes("bytes above 0x7f in a value", "9110 5.5", response("A: caf\xe9", "Content-Length: 3", body="abc"),
        holds=("A: caf\xe9\r\n",)),
    yes("odd statuses", "9110 15", response("Content-Length: 3", body="abc", line="HTTP/1.1 599 Odd"), status=599),
]

ROWS = [*FRAMING, *HEADS, *LINES, *BODIES, *PASSES]
