// URL lists: entries, the longest wins, paths, regular expressions; custom categories made of them.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "proxy/policy/request_path.h"
#include "proxy/policy/url_entry.h"
#include "tests/unit/policy/policy_fixture.h"

using namespace sluice::policy;
using namespace sluice::policy::test;

namespace {

Facts request_to(std::string_view host, std::string_view path, uint16_t port = 443) {
  Facts facts = flow_to(host);
  facts.port = port;
  facts.request = Fact<Request>::of({"GET", path, ""});
  return facts;
}

const char* const lists =
    "url_lists:\n"
    "- {name: site, urls: [example.com]}\n"
    "- {name: www, urls: ['=www.example.com', other.example]}\n"
    "- {name: path, urls: [www.example.com/path, example.com/deep/er]}\n"
    "- {name: port, urls: ['www.example.com:8443']}\n"
    "- {name: ads, type: regex, urls: ['^ads?[0-9]*\\.', '/tracker\\.gif']}\n"
    "custom_categories:\n"
    "- {name: Site, include_url_lists: [site]}\n"
    "- {name: WWW, include_url_lists: [www]}\n"
    "- {name: Path, include_url_lists: [path]}\n"
    "- {name: Port, include_url_lists: [port]}\n"
    "- {name: Ads, include_url_lists: [ads]}\n"
    "- {name: Site without path, include_url_lists: [site, path], exclude_url_lists: [path]}\n";

}  // namespace

TEST_CASE("url entries: what they say") {
  const auto entry = parse_url_entry("https://*.Example.com:8443/a/../b?q=1");
  REQUIRE(entry.ok());
  CHECK(entry->host.to_string() == "*.example.com");
  CHECK(entry->port == 8443);
  CHECK(entry->path == "/b?q=1");
  CHECK(parse_url_entry("[2001:db8::1]:443/x")->host.network.has_value());
  CHECK(parse_url_entry("[2001:db8::1]:443/x")->port == 443);
  CHECK(parse_url_entry("2001:db8::1")->port == 0);
  CHECK(parse_url_entry("example.com/")->path.empty());
  for (const char* bad : {"", "/path", "example.com:0", "example.com:99999", "example.com:", "example.com/a*", "a b/",
                          "user:pw@example.com", "example.com/#x", "www.google.*", "*google.com", ":443", "[::1",
                          "example.com/caf\xc3\xa9"}) {
    INFO(bad);
    CHECK_FALSE(parse_url_entry(bad).ok());
  }
}

TEST_CASE("paths: one spelling, borders of segments") {
  CHECK(normalised_path("") == "/");
  CHECK(normalised_path("/a/./b/../c") == "/a/c");
  CHECK(normalised_path("/%70ath/%2e%2e/x%2f?a=%7e") == "/x%2F?a=~");
  CHECK(normalised_path("/../../x") == "/x");
  CHECK(normalised_path("/a/..") == "/");
  CHECK(normalised_path("/a%zz%4") == "/a%25zz%254");
  CHECK(normalised_path("/%%341") == "/%2541");
  CHECK(normalised_path("//x") == "//x");
  CHECK(path_covers("/path", "/path"));
  CHECK(path_covers("/path", "/path/x"));
  CHECK(path_covers("/path", "/path?x"));
  CHECK(path_covers("/path/", "/path/x"));
  CHECK_FALSE(path_covers("/path", "/pathology"));
  CHECK_FALSE(path_covers("/path/", "/path"));
}

TEST_CASE("url lists: the longest entry wins") {
  const auto policy = policy_of(lists);
  const auto category = [&](const Facts& facts) { return std::string(policy->labels(facts).category); };
  CHECK(category(flow_to("example.com")) == "Site");
  CHECK(category(flow_to("a.example.com")) == "Site");
  CHECK(category(flow_to("www.example.com")) == "WWW");
  CHECK(category(flow_to("a.www.example.com")) == "Site");
  CHECK(category(request_to("www.example.com", "/path/x")) == "Path");
  CHECK(category(request_to("www.example.com", "/pathology")) == "WWW");
  CHECK(category(request_to("a.example.com", "/deep/er?x")) == "Path");
  CHECK(category(request_to("www.example.com", "/", 8443)) == "WWW");
  CHECK(category(request_to("a.www.example.com", "/", 8443)) == "Port");
  CHECK(category(flow_to("ads12.test")) == "Ads");
  CHECK(category(flow_to("bads.test")).empty());
  CHECK(category(request_to("x.test", "/a/tracker.gif")) == "Ads");
}

TEST_CASE("custom categories: excluded lists take away, the database's come last") {
  const auto policy = policy_of(std::string(lists) + "- {name: Files, categories: [cloud storage]}\n");
  const auto plain = policy->labels(flow_to("example.com"));
  CHECK(plain.category == "Site");
  CHECK(plain.other_categories == std::vector<std::string_view>{"Site without path"});
  CHECK(policy->labels(request_to("example.com", "/deep/er")).category == "Path");
  const auto dropbox = policy->labels(flow_to("client.dropbox.com"));
  CHECK(dropbox.category == "Files");
  CHECK(dropbox.other_categories == std::vector<std::string_view>{"Cloud Storage"});
  CHECK(dropbox.app == "Dropbox");
  CHECK(dropbox.app_category == "Cloud Storage");
}

TEST_CASE("url lists: a path that may still come leaves rules undecided") {
  const auto policy = policy_of(std::string(lists) +
                                "realtime_policies:\n"
                                "- {name: block path, match: {url_lists: [path]}, action: block}\n"
                                "- {name: block www, match: {categories: [WWW]}, action: block}\n");
  const Verdict early = policy->decide(flow_to("www.example.com"));
  CHECK(early.decision == Decision::kIntercept);
  CHECK(early.missing == kMissingRequest);
  CHECK(policy->decide(request_to("www.example.com", "/path")).by.rule == "block path");
  CHECK(policy->decide(request_to("www.example.com", "/")).by.rule == "block www");
  // No entry with a path under this name: decided at once.
  CHECK(policy->decide(flow_to("other.example")).decision == Decision::kBlock);
  Facts never = flow_to("www.example.com");
  never.can_intercept = false;
  CHECK(policy->decide(never).by.rule == "block www");
}
