#include "proxy/client/client_log.h"

#include <re2/re2.h>
#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

#include "tests/support/temporary_folder.h"

namespace sluice::client {

namespace {

using policy::Line;

flow::FlowRecord sample() {
  flow::FlowRecord record;
  record.producer_id = 0xc0ffee01;
  record.event_counter = 7;
  record.origin = flow::Origin::kClient;
  record.source = *base::Endpoint::parse("10.0.2.140:60894");
  record.destination = *base::Endpoint::parse("98.136.103.27:443");
  record.dialled = true;
  record.host = "client.dropbox.com";
  record.host_source = flow::HostSource::kSni;
  record.process_name = "dropbox";
  record.process_path = "/opt/dropbox/dropbox";
  record.process_pid = 4711;
  record.action = flow::Verdict::kBypass;
  record.policy = "Dropbox";
  record.policy_layer = flow::Layer::kClient;
  record.policy_version = "3-0a1b2c3d4e5f";
  return record;
}

std::string message(Line line, const flow::FlowRecord& record = sample()) {
  const auto text = decision_text(record, line, 5);
  return text ? text->component + " " + text->message : "";
}

std::string content_of(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace

TEST_CASE("each decision has the words that public parsers read") {
  CHECK(message(Line::kNone).empty());
  CHECK(message(Line::kAppDirect) ==
        "BypassAppMgr Bypassing connection from process: dropbox, host: client.dropbox.com");
  CHECK(message(Line::kAppTunnelled) ==
        "BypassAppMgr Bypassing connection by tunneling from process: dropbox, host: client.dropbox.com");
  CHECK(message(Line::kAppDropped) ==
        "BypassAppMgr Dropping connection from process: dropbox, host: client.dropbox.com");
  CHECK(message(Line::kException) ==
        "BypassAppMgr bypassing flow to exception host: client.dropbox.com, process: dropbox, Dest IP: 98.136.103.27, "
        "Dest Port: 443");
  CHECK(message(Line::kPrivateAddress) ==
        "BypassAppMgr Bypassing flow from process: dropbox to private ip: 98.136.103.27, Port: 443, host: "
        "client.dropbox.com");
  CHECK(message(Line::kQuicRefused) ==
        "BypassAppMgr Blocking UDP connection from process: dropbox, dest IP:98.136.103.27:443, src IP "
        "10.0.2.140:60894");
  CHECK(message(Line::kSteered) ==
        "nsTunnel TLS [sessId 5] Tunneling flow from addr: 10.0.2.140:60894, process: dropbox to host: "
        "client.dropbox.com, addr: 98.136.103.27:443 to nsProxy");
}

// Written from what three public parsers of these logs look for, not from our code.
TEST_CASE("whole lines parse as public parsers parse them") {
  const auto whole = [](Line line) {
    std::string text = log_line("stAgentSvc", base::WallTime(base::Duration(1'747'863'458'850)), 0x4718, 0x151c,
                                *decision_text(sample(), line, 1));
    REQUIRE(text.back() == '\n');
    text.pop_back();
    return text;
  };
  const RE2 head(R"(^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.(\d{3}) (\S+) p([0-9a-f]+) t([0-9a-f]+) )"
                 R"((?:info|warn|err) (\S+):\d+ (\S+) .*$)");
  const RE2 pinned(R"(Bypassing connection (by tunneling )?from process: ([^,]*), host: (\S*)$)");
  const RE2 exception(R"(bypassing flow to (?:exception )?host: ([^,]*), process: ([^,]*), )"
                      R"(Dest IP: (\d+\.\d+\.\d+\.\d+), Dest Port: (\d+))");
  const RE2 tunnelled(R"(TLS \[sessId (\d+)\] Tunneling flow from addr: [\d.]+:\d+, )"
                      R"(process: (.*?) to host: (.*?), addr: [\d.]+:(\d+) to nsProxy)");
  std::string ms, program, pid, tid, file, component, tunnelling, process, host, address;
  int session = 0, port = 0;
  REQUIRE(RE2::FullMatch(whole(Line::kAppDirect), head, &ms, &program, &pid, &tid, &file, &component));
  CHECK(ms == "850");
  CHECK(program == "stAgentSvc");
  CHECK(pid == "4718");
  CHECK(tid == "151c");
  CHECK(file == "decision_text.cc");
  CHECK(component == "BypassAppMgr");
  REQUIRE(RE2::PartialMatch(whole(Line::kAppDirect), pinned, &tunnelling, &process, &host));
  CHECK(tunnelling.empty());
  CHECK(process == "dropbox");
  CHECK(host == "client.dropbox.com");
  REQUIRE(RE2::PartialMatch(whole(Line::kAppTunnelled), pinned, &tunnelling, &process, &host));
  CHECK(tunnelling == "by tunneling ");
  REQUIRE(RE2::PartialMatch(whole(Line::kException), exception, &host, &process, &address, &port));
  CHECK(address == "98.136.103.27");
  CHECK(port == 443);
  REQUIRE(RE2::PartialMatch(whole(Line::kSteered), tunnelled, &session, &process, &host, &port));
  CHECK(session == 1);
  CHECK(process == "dropbox");
  CHECK(host == "client.dropbox.com");
}

TEST_CASE("a hostile name cannot begin a line or another field") {
  flow::FlowRecord record = sample();
  record.process_name = "x\n2025/05/21, host: evil\x7f\\";
  record.host = "A.Example";
  CHECK(message(Line::kAppDirect, record) ==
        "BypassAppMgr Bypassing connection from process: x\\x0a2025/05/21\\x2c host: evil\\x7f\\x5c, host: a.example");
  record.process_name.clear();
  CHECK(message(Line::kAppDirect, record) == "BypassAppMgr Bypassing connection from process: , host: a.example");
}

TEST_CASE("files are 0640, grow to their size and are then numbered, the oldest goes") {
  const TemporaryFolder folder;
  const std::string path = folder.path("client.log");
  auto file = LogFile::open({path, 20, 2});
  REQUIRE(file.ok());
  for (const char* line : {"one 345678\n", "two 345678\n", "three 5678\n", "four 45678\n"}) CHECK(file->append(line));
  CHECK(content_of(path) == "four 45678\n");
  CHECK(content_of(path + ".1") == "three 5678\n");
  CHECK(content_of(path + ".2") == "two 345678\n");
  CHECK(content_of(path + ".3").empty());
  struct stat about {};
  REQUIRE(stat(path.c_str(), &about) == 0);
  CHECK((about.st_mode & 0777) == 0640);
  // What stands there is continued.
  auto again = LogFile::open({path, 100, 0});
  REQUIRE(again.ok());
  CHECK(again->append("five\n"));
  CHECK(content_of(path) == "four 45678\nfive\n");
  const auto nowhere = LogFile::open({folder.path("missing/x.log"), 20, 2});
  REQUIRE_FALSE(nowhere.ok());
  CHECK(nowhere.error().message == "cannot write " + folder.path("missing/x.log") + ": No such file or directory");
}

TEST_CASE("a decision is a line and a JSON record, the end another record") {
  const TemporaryFolder folder;
  config::v1::ClientLog options;
  options.set_file(folder.path("client.log"));
  options.set_jsonl(folder.path("client.jsonl"));
  options.set_max_bytes(1 << 20);
  options.set_log_as("stAgentSvc");
  auto log = ClientLog::open(options, {"acme", "laptop-7", 0xc0ffee01});
  REQUIRE(log.ok());
  flow::FlowRecord record = sample();
  record.process_name = "dr\xffop\"box";
  const base::Time now{base::Duration(1'000)};
  (*log)->decided(record, Line::kAppDirect, 0, 1000, now, base::WallTime(base::Duration(1)));
  record.client_bytes = 10;
  record.server_bytes = 20;
  record.close_reason = flow::CloseReason::kOriginClosed;
  (*log)->closed(record, 1000, now + base::Duration(500), base::WallTime(base::Duration(2)));
  const std::string lines = content_of(folder.path("client.log"));
  CHECK(std::count(lines.begin(), lines.end(), '\n') == 1);
  CHECK(lines.find(" stAgentSvc p") != std::string::npos);
  const std::string json = content_of(folder.path("client.jsonl"));
  const std::string first = json.substr(0, json.find('\n'));
  for (const char* part :
       {R"("event_id":"00000000c0ffee01-7")", R"("state":"open")", R"("origin":"client")", R"("srcip":"10.0.2.140")",
        R"("srcport":60894)", R"("dstip":"98.136.103.27")", R"("dstport":443)", R"("host":"client.dropbox.com")",
        R"("process_path":"/opt/dropbox/dropbox")", R"("process_pid":4711)", R"("process_uid":1000)",
        R"("action":"bypass")", R"("policy":"Dropbox")", R"("policy_layer":"client")",
        R"("policy_version":"3-0a1b2c3d4e5f")", "\"process_name\":\"dr\xef\xbf\xbdop\\\"box\""}) {
    INFO(part << " in " << first);
    CHECK(first.find(part) != std::string::npos);
  }
  const std::string second = json.substr(json.find('\n') + 1);
  for (const char* part : {R"("state":"closed")", R"("client_bytes":10)", R"("server_bytes":20)",
                           R"("close_reason":"origin_closed")", R"("duration_ms":)"}) {
    INFO(part << " in " << second);
    CHECK(second.find(part) != std::string::npos);
  }
  CHECK((*log)->lost() == 0);
}

}  // namespace sluice::client
