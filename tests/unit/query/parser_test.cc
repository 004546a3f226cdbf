#include "events/query/parser.h"

#include <catch2/catch.hpp>
#include <iostream>

#include "events/query/limits.h"
#include "events/query/time_text.h"
#include "sluice/events/v1/page_event.pb.h"
#include "tests/unit/query/random_query.h"

using namespace sluice;
using query::QueryError;

namespace {
constexpr int64_t now_ms = 1'800'000'000'000;

store::Filter parsed(const std::string& text) {
  auto filter = query::parse(text, now_ms);
  INFO(text << (filter.ok() ? "" : ": " + filter.error().message));
  REQUIRE(filter.ok());
  return std::move(filter).value();
}

QueryError refused(const std::string& text) {
  const auto filter = query::parse(text, now_ms);
  INFO(text);
  REQUIRE_FALSE(filter.ok());
  CHECK(filter.error().offset + filter.error().length <= text.size());
  return filter.error();
}
}  // namespace

TEST_CASE("the collectors' words and SQL's signs are one language") {
  const auto tree = parsed("app eq Dropbox and bypass_traffic eq yes");
  CHECK(tree == parsed("app = \"Dropbox\" AND bypass_traffic = true"));
  CHECK(tree == parsed("(app==Dropbox) and ((bypass_traffic == TRUE))"));
  CHECK(query::print(tree) == "app = \"Dropbox\" and bypass_traffic = yes");
}

TEST_CASE("queries and their canonical text") {
  const std::pair<const char*, const char*> table[] = {
      {"", ""},
      {"  ", ""},
      {"app neq Box", "app != \"Box\""},
      {"app ne Box", "app != \"Box\""},
      {"dstport gt 80", "dstport > 80"},
      {"dstport gte 80 ", "dstport >= 80"},
      {"dstport lt 80", "dstport < 80"},
      {"dstport lte 80", "dstport <= 80"},
      {"dstport>=80", "dstport >= 80"},
      {"bypass_reason like \"Steering Exception\"", "bypass_reason like \"Steering Exception\""},
      {"action eq block and category like 'Security Risk'", "action = block and category like \"Security Risk\""},
      {"timestamp from 1607990400 to 1610158997",
       "timestamp from \"2020-12-15T00:00:00.000Z\" to \"2021-01-09T02:23:17.000Z\""},
      {"timestamp >= now-1h", "timestamp >= \"2027-01-15T07:00:00.000Z\""},
      {"user from aaa to zzz", "user from \"aaa\" to \"zzz\""},
      {"url ~ '\\.exe$'", "url ~ \"\\\\.exe$\""},
      {"app in (Dropbox, Box,\"Google Drive\")", "app in (\"Dropbox\", \"Box\", \"Google Drive\")"},
      {"app not in (Box)", "not app in (\"Box\")"},
      {"srcip in 10.0.0.0/8", "srcip in 10.0.0.0/8"},
      {"srcip in (10.0.0.0/8, 2001:DB8::/32, ::1)", "srcip in (10.0.0.0/8, 2001:db8::/32, ::1)"},
      {"srcip eq 10.0.0.1", "srcip = 10.0.0.1"},
      {"url exists", "url exists"},
      {"url not exists", "not url exists"},
      {"not not url exists", "url exists"},
      {"not (a_b eq 1)", nullptr},
      {"app eq a and app eq b and app eq c", "app = \"a\" and app = \"b\" and app = \"c\""},
      {"app eq a and (app eq b or app eq c)", "app = \"a\" and (app = \"b\" or app = \"c\")"},
      {"not (app eq a or app eq b)", "not (app = \"a\" or app = \"b\")"},
      {"not app eq a and app eq b", "not app = \"a\" and app = \"b\""},
      {"traffic_type eq CloudApp", "traffic_type = cloud_app"},
      {"bypass_reason_code eq Certificate-Pinned-App", "bypass_reason_code = certificate_pinned_app"},
      {"record_type in (gap, notice)", "record_type in (gap, notice)"},
      {"_id eq 00ff-1", "event_id = \"00ff-1\""},
      {"app eq 'or'", "app = \"or\""},
      {"app eq \"tab\\tquote\\\"u\\u00fc\"", "app = \"tab\\u0009quote\\\"uü\""},
      {"process_name eq C:\\x.exe", "process_name = \"C:\\\\x.exe\""},
  };
  for (const auto& [text, canonical] : table) {
    if (canonical == nullptr) {
      refused(text);
      continue;
    }
    INFO(text);
    const auto tree = parsed(text);
    CHECK(query::print(tree) == canonical);
    CHECK(parsed(canonical) == tree);
  }
}

TEST_CASE("errors say where and what would be right") {
  struct Case {
    const char* text;
    size_t offset;
    size_t length;
    const char* says;
  };
  const Case table[] = {
      {"ap eq Dropbox", 0, 2, "did you mean app"},
      {"app eq Dropbox and bypass_trafic eq yes", 19, 13, "bypass_traffic"},
      {"app eq", 6, 0, "a value is missing behind \"eq\""},
      {"app eq and user eq x", 7, 3, "a value is missing"},
      {"app", 3, 0, "expected an operator"},
      {"app is Dropbox", 4, 2, "expected an operator"},
      {"app eq a and user eq b or host eq c", 23, 2, "parentheses"},
      {"app eq a or user eq b and host eq c", 22, 3, "parentheses"},
      {"app eq Google Drive", 14, 5, "needs quotes"},
      {"url eq https://x/?a=b", 19, 1, "needs quotes"},
      {"(app eq a", 0, 1, "not closed"},
      {"app eq a)", 8, 1, "closes nothing"},
      {"app eq \"a", 7, 2, "no closing quote"},
      {"app in Box", 7, 3, "list in parentheses"},
      {"app in ()", 8, 1, "a value is missing"},
      {"app in (a b)", 10, 1, "comma"},
      {"app in (a", 9, 0, "comma"},
      {"dstport eq https", 11, 5, "whole decimal digits"},
      {"dstport like 44", 8, 4, "dstport is a number"},
      {"bypass_traffic eq maybe", 18, 5, "yes or no"},
      {"bypass_traffic gt no", 15, 2, "bypass_traffic is yes or no"},
      {"action eq blocked", 10, 7, "did you mean block? It can be allow, alert, block, bypass or drop"},
      {"srcip eq 10.0.0.0/8", 9, 10, "srcip in 10.0.0.0/8"},
      {"srcip in 10.0.0.1/8", 9, 10, "behind the prefix"},
      {"srcip eq localhost", 9, 9, "192.0.2.1"},
      {"timestamp gt yesterday", 13, 9, "now-1h"},
      {"timestamp from 1 until 2", 17, 5, "expected `to`"},
      {"url ~ \"(\"", 6, 3, "the expression is not valid"},
      {"app ! a", 4, 1, "!="},
      {"app not eq a", 8, 2, "behind `not`"},
      {"and app eq a", 0, 3, "name of a field"},
      {"app eq a and", 12, 0, "name of a field"},
      {"\"app\" eq a", 0, 5, "name of a field"},
      {"app eq a\x01", 8, 1, "control character"},
  };
  for (const Case& c : table) {
    const QueryError error = refused(c.text);
    INFO(c.text << " -> " << error.message);
    CHECK(error.offset == c.offset);
    CHECK(error.length == c.length);
    CHECK(error.message.find(c.says) != std::string::npos);
  }
}

TEST_CASE("queries are bounded") {
  CHECK(refused("app eq " + std::string(query::query_bytes_max, 'a')).message.find("at most") != std::string::npos);
  CHECK(refused(std::string(15'000, '(')).message.find("nested") != std::string::npos);
  std::string nots;
  for (int i = 0; i < 4'000; ++i) nots += "not ";
  CHECK(refused(nots).message.find("nested") != std::string::npos);
  std::string many = "app=a";
  for (int i = 0; i < 600; ++i) many += " or app=a";
  CHECK(refused(many).message.find("comparisons") != std::string::npos);
  std::string values = "app in (a";
  for (int i = 0; i < 3'000; ++i) values += ",a";
  CHECK(refused(values + ")").message.find("values") != std::string::npos);
  std::string regexes = "app ~ a";
  for (int i = 0; i < 20; ++i) regexes += " or app ~ a";
  CHECK(refused(regexes).message.find("expressions") != std::string::npos);
  CHECK(refused("app ~ \"((a{100}){100}){100}\"").message.find("not valid") != std::string::npos);
}

TEST_CASE("times") {
  const std::pair<const char*, int64_t> table[] = {
      {"1607990400", 1'607'990'400'000},
      {"1607990400123", 1'607'990'400'123},
      {"0", 0},
      {"now", now_ms},
      {"NOW-30m", now_ms - 1'800'000},
      {"now-7d", now_ms - 604'800'000},
      {"now+1w", now_ms + 604'800'000},
      {"2020-12-15T00:00:00Z", 1'607'990'400'000},
      {"2020-12-15", 1'607'990'400'000},
      {"2020-12-15T09:00:00.5+09:00", 1'607'990'400'500},
      {"2020-12-14T19:00:00.1239-05:00", 1'607'990'400'123},
      {"2020-12-15 00:00", 1'607'990'400'000},
      {"9999-12-31T23:59:59.999Z", query::time_ms_max},
  };
  for (const auto& [text, ms] : table) {
    INFO(text);
    REQUIRE(query::parse_time(text, now_ms));
    CHECK(*query::parse_time(text, now_ms) == ms);
    CHECK(query::parse_time(query::format_time(ms), 0) == ms);
  }
  for (const char* text : {"", "now-", "now-1", "now-1y", "now1h", "2020-13-01", "2020-02-30", "2020-1-1", "-5",
                           "1969-12-31", "2020-12-15T25:00:00Z", "2020-12-15T00:00:00+9", "2020-12-15T00:00:00.Z",
                           "9999999999999999", "now-99999999999h", "2020-12-15T00:00:00ZZ"}) {
    INFO(text);
    CHECK_FALSE(query::parse_time(text, now_ms));
  }
}

TEST_CASE("what filters say of records") {
  events::v1::Record record;
  auto& event = *record.mutable_page_event();
  event.set_app("Dropbox");
  event.set_bypass_traffic(true);
  event.set_action(events::v1::VERDICT_BYPASS);
  event.set_srcip("10.1.2.3");
  event.set_url("https://www.dropbox.com/Install.EXE");
  event.add_user_groups("Sales");
  event.add_user_groups("Staff");
  event.set_dstport(443);
  event.set_timestamp(now_ms - 60'000);
  for (const char* text :
       {"", "app eq dropbox", "app like ROPB", "bypass_traffic eq yes", "srcip in 10.0.0.0/8", "url ~ '(?i)\\.exe$'",
        "user_groups eq sales", "user_groups neq hr", "not user_groups eq hr", "user neq x", "user not exists",
        "timestamp gt now-1h", "dstport from 443 to 443", "app from d to e", "action like byp", "srcip like 10.1",
        "record_type eq page_event", "srcip from 10.1.0.0 to 10.1.255.255", "category neq x"}) {
    INFO(text);
    CHECK(store::matches(parsed(text), record));
  }
  for (const char* text :
       {"app eq box", "srcip in 10.2.0.0/16", "url ~ \\.exe$", "user_groups neq sales", "user exists",
        "dstip in 0.0.0.0/0", "timestamp gt now", "record_type in (gap, audit)", "not app like drop"}) {
    INFO(text);
    CHECK_FALSE(store::matches(parsed(text), record));
  }
}

TEST_CASE("random trees read back from their canonical text") {
  const uint64_t seed = test::random_seed();
  std::cout << "SLUICE_TEST_SEED=" << seed << '\n';
  test::Random random(seed);
  for (int round = 0; round < 3'000; ++round) {
    const store::Filter filter = test::random_filter(random, static_cast<int>(random() % 5));
    const std::string text = query::print(filter);
    if (text.size() > query::query_bytes_max) continue;
    const auto again = query::parse(text, now_ms);
    // The generator does not know the bound on expressions.
    if (!again.ok() && again.error().message.find("at most") != std::string::npos) continue;
    INFO("seed " << seed << ": " << text << (again.ok() ? "" : "\n" + again.error().message));
    REQUIRE(again.ok());
    CHECK(*again == filter);
  }
}
