// Exchanges into pages: every request in exactly one event, and its bytes with it.
#include "proxy/report/page_assembler.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <map>
#include <random>
#include <vector>

#include "proxy/report/limits.h"
#include "proxy/report/user_agent.h"

namespace sluice::report {

namespace {

struct Emitted {
  flow::FlowRecord record;
  bool final;
};

class Desk {
 public:
  explicit Desk(PageAssembler::Times times = {})
      : assembler(
            times, [](const std::string& host) { return host.substr(host.find('.') + 1); },
            [this](flow::FlowRecord& record, bool final, base::Time) {
              ++record.revision;
              emitted.push_back({record, final});
            }) {}

  flow::FlowRecord exchange(const std::string& host, const std::string& path, const std::string& type = "image/png",
                            const std::string& referer = "", uint64_t bytes = 5'000) {
    flow::FlowRecord record;
    record.source = *base::Endpoint::parse("192.0.2.1:1000");
    record.event_counter = ++counter;
    record.host = host;
    record.action = flow::Verdict::kAllow;
    record.exchange = std::make_shared<flow::Exchange>();
    record.exchange->url = "https://" + host + path;
    record.exchange->content_type = type;
    record.exchange->referer = referer;
    record.exchange->status = 200;
    record.exchange->responses = 1;
    record.client_bytes = 100;
    record.server_bytes = bytes;
    return record;
  }
  void run(flow::FlowRecord record) {
    assembler.progress(record, now);
    end(std::move(record));
  }
  void end(flow::FlowRecord record, flow::CloseReason reason = flow::CloseReason::kCompleted) {
    record.close_reason = reason;
    assembler.end(record, now);
  }
  std::vector<Emitted> finals() const {
    std::vector<Emitted> result;
    for (const Emitted& one : emitted) {
      if (one.final) result.push_back(one);
    }
    return result;
  }

  base::Time now{base::Duration(1'000'000)};
  uint64_t counter = 0;
  std::vector<Emitted> emitted;
  PageAssembler assembler;
};

}  // namespace

TEST_CASE("page assembler: a page collects what names it as referer") {
  Desk desk;
  desk.run(desk.exchange("www.a.test", "/index", "text/html; charset=utf-8"));
  for (int i = 0; i < 50; ++i) desk.run(desk.exchange("cdn.b.test", "/p", "image/png", "https://www.a.test/index"));
  CHECK(desk.emitted.size() == 2);  // open when the request began, open as the page that it turned out to be
  desk.now += base::Duration(60'000);
  REQUIRE(desk.assembler.deadline() == desk.now);
  desk.assembler.expire(desk.now);
  const auto finals = desk.finals();
  REQUIRE(finals.size() == 1);
  const flow::FlowRecord& page = finals[0].record;
  CHECK(page.exchange->build == flow::PageBuild::kReferer);
  CHECK(page.exchange->requests == 51);
  CHECK(page.exchange->responses == 51);
  CHECK(page.client_bytes == 5'100);
  CHECK(page.server_bytes == 51 * 5'000);
  CHECK(page.exchange->url == "https://www.a.test/index");
  CHECK(page.event_counter == 1);
  CHECK(desk.assembler.open_events() == 0);
}

TEST_CASE("page assembler: other requests are one event per client and domain") {
  Desk desk;
  for (const char* host : {"a.x.test", "b.x.test", "c.y.test"}) desk.run(desk.exchange(host, "/1"));
  auto other = desk.exchange("a.x.test", "/2");
  other.user = "anna";
  desk.run(other);
  desk.now += base::Duration(120'000);
  desk.assembler.expire(desk.now);
  const auto finals = desk.finals();
  REQUIRE(finals.size() == 3);
  CHECK(finals[0].record.exchange->build == flow::PageBuild::kDomainRollup);
  CHECK(finals[0].record.exchange->requests == 2);
  CHECK(finals[1].record.host == "c.y.test");
  CHECK(finals[2].record.user == "anna");
}

TEST_CASE("page assembler: small HTML is no page; what was blocked or failed stands alone") {
  Desk desk;
  desk.run(desk.exchange("a.x.test", "/", "text/html", "", page_bytes_min - 1));
  auto blocked = desk.exchange("a.x.test", "/blocked", "text/html");
  blocked.action = flow::Verdict::kBlock;
  desk.assembler.progress(blocked, desk.now);
  desk.end(blocked, flow::CloseReason::kPolicyBlock);
  desk.end(desk.exchange("a.x.test", "/broken"), flow::CloseReason::kOriginReset);
  REQUIRE(desk.finals().size() == 2);
  CHECK(desk.finals()[0].record.exchange->build == flow::PageBuild::kSingle);
  CHECK(desk.finals()[0].record.event_counter == 2);
  desk.assembler.close_all();
  CHECK(desk.finals().size() == 3);
  CHECK(desk.finals()[2].record.exchange->build == flow::PageBuild::kDomainRollup);
}

TEST_CASE("page assembler: without times each request is an event, at once") {
  Desk desk({base::Duration(0), base::Duration(0)});
  desk.run(desk.exchange("a.x.test", "/", "text/html"));
  desk.run(desk.exchange("a.x.test", "/2"));
  CHECK(desk.finals().size() == 2);
  CHECK_FALSE(desk.assembler.deadline());
}

TEST_CASE("page assembler: what is open is bounded, and written again on demand") {
  Desk desk;
  for (size_t i = 0; i < open_pages_max + 10; ++i) desk.run(desk.exchange("h." + std::to_string(i), "/"));
  CHECK(desk.finals().size() == 10);
  CHECK(desk.assembler.open_events() == open_pages_max);
  const size_t before = desk.emitted.size();
  desk.assembler.rewrite();
  CHECK(desk.emitted.size() == before + open_pages_max);
}

TEST_CASE("page assembler: every request is in exactly one event, with its bytes, whatever the order") {
  const char* given = std::getenv("SLUICE_SEED");
  const auto seed = given != nullptr ? std::strtoul(given, nullptr, 10) : std::random_device{}();
  INFO("SLUICE_SEED=" << seed);
  std::mt19937 random(static_cast<uint32_t>(seed));
  Desk desk;
  uint64_t requests = 0;
  uint64_t bytes = 0;
  std::vector<flow::FlowRecord> running;
  const auto pick = [&](size_t count) { return random() % count; };
  for (int step = 0; step < 20'000; ++step) {
    if (running.empty() || pick(2) == 0) {
      const std::string host = "h" + std::to_string(pick(5)) + ".d" + std::to_string(pick(3)) + ".test";
      const std::string referer = pick(2) == 0 ? "" : "https://h0.d0.test/" + std::to_string(pick(4));
      auto record = desk.exchange(host, "/" + std::to_string(pick(4)), pick(3) == 0 ? "text/html" : "image/png",
                                  referer, pick(8'000));
      if (pick(10) == 0) record.action = flow::Verdict::kBlock;
      ++requests;
      bytes += record.client_bytes + record.server_bytes;
      desk.assembler.progress(record, desk.now);
      running.push_back(std::move(record));
    } else {
      const size_t which = pick(running.size());
      desk.end(std::move(running[which]),
               pick(9) == 0 ? flow::CloseReason::kClientReset : flow::CloseReason::kCompleted);
      running.erase(running.begin() + static_cast<std::ptrdiff_t>(which));
    }
    if (pick(50) == 0) desk.now += base::Duration(static_cast<int64_t>(pick(40'000)));
    desk.assembler.expire(desk.now);
  }
  for (flow::FlowRecord& record : running) desk.end(std::move(record));
  desk.assembler.close_all();
  uint64_t seen_requests = 0;
  uint64_t seen_bytes = 0;
  std::map<uint64_t, int> ended;
  std::map<uint64_t, uint32_t> revision;
  for (const Emitted& one : desk.emitted) {
    const flow::FlowRecord& record = one.record;
    CHECK(ended[record.event_counter] == 0);  // nothing after the final record
    CHECK(record.revision > revision[record.event_counter]);
    revision[record.event_counter] = record.revision;
    if (!one.final) continue;
    ++ended[record.event_counter];
    seen_requests += record.exchange->requests;
    seen_bytes += record.client_bytes + record.server_bytes;
  }
  for (const auto& [event, finals] : ended) CHECK(finals == 1);
  CHECK(seen_requests == requests);
  CHECK(seen_bytes == bytes);
}

TEST_CASE("user agents: browsers, tools and systems") {
  struct Row {
    const char* text;
    const char* browser;
    const char* os;
  };
  const Row rows[] = {
      {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
       "Chrome", "Windows"},
      {"Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/126.0 Safari/537.36 Edg/126.0", "Edge", "Windows"},
      {"Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0", "Firefox", "Linux"},
      {"Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 Version/17.5 Safari/605.1.15", "Safari",
       "macOS"},
      {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605 CriOS/126.0 Mobile Safari/604.1",
       "Chrome", "iOS"},
      {"Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 SamsungBrowser/25.0 Chrome/121.0 Safari/537.36",
       "Samsung Internet", "Android"},
      {"curl/8.5.0", "curl", ""},
      {"git/2.39.2", "git", ""},
      {"", "", ""},
      {"something else", "", ""},
  };
  for (const Row& row : rows) {
    const UserAgent agent = parse_user_agent(row.text);
    INFO(row.text);
    CHECK(agent.browser == row.browser);
    CHECK(agent.os == row.os);
  }
}

}  // namespace sluice::report
