#include <catch2/catch.hpp>
#include <sstream>

#include "proxy/ctl/events_client.h"
#include "proxy/ctl/events_output.h"
#include "proxy/ctl/events_table.h"
#include "proxy/ctl/events_text.h"

using namespace sluice;
using namespace sluice::ctl;

namespace v1 = events::v1;

namespace {
v1::StoredRecord event(const std::string& host, v1::Verdict action = v1::VERDICT_BYPASS) {
  v1::StoredRecord stored;
  auto& page = *stored.mutable_record()->mutable_page_event();
  page.set_timestamp(1'700'000'000'123);
  page.set_host(host);
  page.set_srcip("10.0.0.1");
  page.set_action(action);
  page.set_client_bytes(517);
  page.set_server_bytes(4'096'000);
  page.set_duration_ms(2'345);
  page.set_close_reason(v1::CLOSE_REASON_CLIENT_CLOSED);
  return stored;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}
}  // namespace

TEST_CASE("bytes, durations and counts as people say them") {
  CHECK(human_bytes(0) == "0 B");
  CHECK(human_bytes(999) == "999 B");
  CHECK(human_bytes(4'096) == "4.1 kB");
  CHECK(human_bytes(12'345'678) == "12 MB");
  CHECK(human_bytes(999'999) == "1.0 MB");
  CHECK(human_bytes(UINT64_MAX) == "18 EB");
  CHECK(human_duration(41) == "41 ms");
  CHECK(human_duration(2'345) == "2.3 s");
  CHECK(human_duration(245'000) == "4m 05s");
  CHECK(human_duration(11'520'000) == "3h 12m");
  CHECK(human_duration(190'000'000) == "2d 4h");
  CHECK(human_count(0) == "0");
  CHECK(human_count(1'234'567) == "1,234,567");
  CHECK(human_count(123'456) == "123,456");
}

TEST_CASE("nothing that a terminal obeys gets through") {
  CHECK(printable("a\x1b[31mb") == "a\xef\xbf\xbd[31mb");
  CHECK(printable("\xe2\x80\xaetxt.exe") == "\xef\xbf\xbdtxt.exe");  // right-to-left override
  CHECK(printable("\xc2\x9b") == "\xef\xbf\xbd");                    // CSI in eight bits
  CHECK(printable("日本 ü") == "日本 ü");
  CHECK(printable("\xff") == "\xef\xbf\xbd");
}

TEST_CASE("text is fitted by columns, not by bytes") {
  CHECK(display_width("日本 ü") == 6);
  CHECK(fitted("abc", 5) == "abc  ");
  CHECK(fitted("abc", 5, true) == "  abc");
  CHECK(fitted("abcdef", 4) == "abc…");
  CHECK(fitted("日本語", 4) == "日… ");
  CHECK(fitted("abc", 0).empty());
}

TEST_CASE("the table fits the terminal and leaves empty columns out") {
  const std::vector<v1::StoredRecord> records{event("www.dropbox.com"),
                                              event(std::string(200, 'h') + ".example", v1::VERDICT_BLOCK)};
  for (const size_t columns : {200, 120, 100, 90}) {
    const auto lines = lines_of(table(records, Terminal{columns, false}));
    REQUIRE(lines.size() == 3);
    for (const auto& line : lines) CHECK(display_width(line) <= columns);
    CHECK(lines[0].find("PROCESS") == std::string::npos);
    CHECK(lines[0].find("HOST") == lines[1].find("www."));
    CHECK(lines[1].find("517 B") != std::string::npos);
    CHECK(lines[1].find("2.3 s") != std::string::npos);
  }
  CHECK(table({}, Terminal{}).empty());
  CHECK(table(records, Terminal{0, false}).find('\x1b') == std::string::npos);
  CHECK(table(records, Terminal{0, true}).find("\x1b[31mblock") != std::string::npos);
}

TEST_CASE("a small terminal gets fewer columns, which can be read") {
  v1::StoredRecord record = event("client.dropbox.com");
  auto& page = *record.mutable_record()->mutable_page_event();
  page.set_user("jonas.weber@acme.test");
  page.set_process_name("dropbox.exe");
  page.set_bypass_reason_code(v1::BYPASS_REASON_CODE_CERTIFICATE_PINNED_APP);
  const auto at = [&record](size_t columns) { return lines_of(table({record}, Terminal{columns, false})); };
  CHECK(at(200)[0].find("CLOSE REASON") != std::string::npos);
  for (const size_t columns : {120, 100, 80}) {
    const auto lines = at(columns);
    INFO(lines[1]);
    CHECK(display_width(lines[1]) <= columns);
    CHECK(lines[0].find("CLOSE REASON") == std::string::npos);
    CHECK(lines[1].find("jonas.weber@ac") != std::string::npos);
    CHECK(lines[1].find(columns == 80 ? "client.dropb" : "client.dropbox.com") != std::string::npos);
  }
  CHECK(at(120)[0].find("BYPASS REASON") != std::string::npos);
  CHECK(at(80)[0].find("BYPASS REASON") == std::string::npos);
}

TEST_CASE("hostile records stay on their line") {
  v1::StoredRecord record = event("a\nb\x1b]0;x\x07");
  record.mutable_record()->mutable_page_event()->set_user("\x1b[2J");
  const std::string text = table({record}, Terminal{});
  CHECK(lines_of(text).size() == 2);
  CHECK(text.find('\x1b') == std::string::npos);
}

TEST_CASE("gaps, audits and notices have their line") {
  v1::StoredRecord gap;
  gap.mutable_record()->mutable_gap()->set_first_seq(4);
  gap.mutable_record()->mutable_gap()->set_last_seq(9);
  gap.mutable_record()->mutable_gap()->set_reason(v1::Gap::REASON_SPOOL_FULL);
  CHECK(table({gap}, Terminal{}).find("records 4 to 9 lost: spool_full") != std::string::npos);
}

TEST_CASE("a wrong query is shown with a mark under the place") {
  v1::QueryProblem problem;
  problem.set_offset(19);
  problem.set_length(13);
  CHECK(marked("app eq Dropbox and bypass_trafic eq yes", problem) ==
        "  app eq Dropbox and bypass_trafic eq yes\n"
        "                     ^~~~~~~~~~~~~\n");
  problem.set_offset(6);
  problem.set_length(0);
  CHECK(marked("app eq", problem) == "  app eq\n        ^\n");
  problem.set_offset(16);
  problem.set_length(2);
  CHECK(marked("app eq '日本' zz\nand x", problem) == "  app eq '日本' zz\n                ^~\n");
  problem.set_offset(7);
  problem.set_length(3);
  CHECK(marked("app eq\nabc\ndef", problem) == "  abc\n  ^~~\n");
  problem.set_offset(500);
  problem.set_length(1);
  CHECK(lines_of(marked(std::string(1'000, 'a'), problem))[0].size() < 120);
  problem.set_offset(4'000);
  problem.set_length(4'000);
  CHECK(marked("short", problem) == "  short\n       ^\n");
}

TEST_CASE("lines of the other formats end with a line break") {
  const v1::Record record = event("h").record();
  for (size_t i = 1; i < format_names().size(); ++i) {
    const std::string line = line_of(record, static_cast<Format>(i));
    CHECK(line.ends_with('\n'));
    CHECK(line.find('\n') == line.size() - 1);
  }
  CHECK(heading_of(Format::kCsv).starts_with("record_type,event_id,"));
  CHECK(heading_of(Format::kNdjson).empty());
}

TEST_CASE("server addresses") {
  for (const char* server : {"unix:/run/x.sock", "unix:x", "127.0.0.1:9", "[::1]:80", "store.example:443"}) {
    CHECK(EventsClient::open(server).ok());
  }
  for (const char* server : {"", "unix:", "host", "host:", ":80", "host:0", "host:99999", "http://host:80", "/run/x"}) {
    CHECK_FALSE(EventsClient::open(server).ok());
  }
  auto client = EventsClient::open("unix:/nonexistent/events.sock");
  REQUIRE(client.ok());
  const auto answer = client->stats();
  REQUIRE_FALSE(answer.ok());
  CHECK_FALSE(answer.error().usage);
  CHECK(answer.error().message.find("start sluice-events") != std::string::npos);
}
