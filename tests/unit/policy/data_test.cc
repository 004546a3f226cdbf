// Categories, countries, directory.
#include <catch2/catch.hpp>
#include <filesystem>
#include <string>

#include "proxy/policy/category_database.h"
#include "proxy/policy/country_database.h"
#include "proxy/policy/directory.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/policy/policy_fixture.h"

using namespace sluice::policy;
using sluice::TemporaryFolder;
using namespace sluice::policy::test;

namespace {

// Writes FOLDER/NAME/domains.
void write_list(const TemporaryFolder& folder, const std::string& name, const std::string& domains) {
  std::filesystem::create_directory(folder.path(name));
  folder.write(name + "/domains", domains);
}

std::string category_of(const CategoryDatabase& database, std::string_view host) {
  std::string text;
  for (const uint16_t category : database.find(HostKey(host, false))) {
    text += (text.empty() ? "" : "+") + database.names()[category];
  }
  return text;
}

// The parts of the MaxMind DB format (version 2.0) that a database of one network needs.
std::string text_field(const std::string& text) {
  return std::string(1, static_cast<char>(0x40 | text.size())) + text;
}
std::string map_header(int entries) {
  return std::string(1, static_cast<char>(0xe0 | entries));
}
std::string uint_field(char type, uint32_t value) {
  // Types up to 7 stand in the first byte; 5 is uint16, 6 is uint32.
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) {
    const char byte = static_cast<char>(value >> shift & 0xff);
    if (byte != 0 || !bytes.empty()) bytes += byte;
  }
  return std::string(1, static_cast<char>(type << 5 | static_cast<int>(bytes.size()))) + bytes;
}

// IPv4 only: `first_byte`.0.0.0/8 is in `country`.
std::string country_file(uint8_t first_byte, const std::string& country) {
  const uint32_t nodes = 8;
  const auto record = [](uint32_t value) {
    return std::string{static_cast<char>(value >> 16 & 0xff), static_cast<char>(value >> 8 & 0xff),
                       static_cast<char>(value & 0xff)};
  };
  std::string tree;
  for (uint32_t bit = 0; bit < nodes; ++bit) {
    const uint32_t next = bit + 1 < nodes ? bit + 1 : nodes + 16;  // the first byte of data
    const bool one = (first_byte >> (7 - bit) & 1) != 0;
    tree += one ? record(nodes) + record(next) : record(next) + record(nodes);
  }
  const std::string data =
      map_header(1) + text_field("country") + map_header(1) + text_field("iso_code") + text_field(country);
  const std::string empty_array{'\0', '\4'};
  const std::string epoch{'\1', '\2', '\1'};  // uint64
  const std::string metadata = map_header(9) + text_field("node_count") + uint_field(6, nodes) +
                               text_field("record_size") + uint_field(5, 24) + text_field("ip_version") +
                               uint_field(5, 4) + text_field("database_type") + text_field("Test") +
                               text_field("languages") + empty_array + text_field("binary_format_major_version") +
                               uint_field(5, 2) + text_field("binary_format_minor_version") + uint_field(5, 0) +
                               text_field("build_epoch") + epoch + text_field("description") + map_header(0);
  return tree + std::string(16, '\0') + data + "\xab\xcd\xefMaxMind.com" + metadata;
}

}  // namespace

TEST_CASE("categories: a folder of lists, the longest name wins, the built-in set fills gaps") {
  const TemporaryFolder folder;
  write_list(folder, "bank", "bank.example\n# no\n\nWWW.Both.example.\r\n");
  write_list(folder, "adult", "both.example\nwww.both.example\nnot a domain\n");
  folder.write("adult/urls", "ignored.example/x\n");
  write_list(folder, "news", "dropbox.com\n");
  const auto loaded = CategoryDatabase::load(folder.path());
  REQUIRE(loaded.ok());
  const CategoryDatabase& database = **loaded;
  CHECK(category_of(database, "online.bank.example") == "bank");
  CHECK(category_of(database, "www.both.example") == "adult+bank");
  CHECK(category_of(database, "x.both.example") == "adult");
  CHECK(category_of(database, "client.dropbox.com") == "news");
  CHECK(category_of(database, "www.who.int") == "Health");
  CHECK(category_of(database, "ignored.example").empty());
  CHECK(database.skipped() == 1);
  CHECK_FALSE(CategoryDatabase::load(folder.path() + "/adult").ok());
  CHECK_FALSE(CategoryDatabase::load(folder.path() + "/nothing").ok());
}

TEST_CASE("categories: lines of domain and category, by the path in the policy") {
  const TemporaryFolder folder;
  const std::string file = folder.write("categories.csv", "a.example,One\nb.example , Two Words\nc.example\n");
  const auto policy =
      policy_of("category_database: {path: '" + file +
                "'}\nrealtime_policies: [{name: r, match: {categories: [two words]}, action: block}]\n");
  CHECK(policy->decide(flow_to("x.b.example")).by.rule == "r");
  CHECK(policy->labels(flow_to("a.example")).category == "One");
  CHECK(policy->labels(flow_to("c.example")).category.empty());
}

TEST_CASE("countries: rules by the country of an address") {
  const TemporaryFolder folder;
  const std::string file = folder.write("countries.mmdb", country_file(203, "JP"));
  const auto opened = CountryDatabase::open(file);
  INFO((opened.ok() ? "" : opened.error().message));
  REQUIRE(opened.ok());
  CHECK((*opened)->find(ip("203.0.113.1")).text() == "JP");
  CHECK((*opened)->find(ip("::ffff:203.0.113.1")).text() == "JP");
  CHECK((*opened)->find(ip("198.51.100.1")).text().empty());
  CHECK((*opened)->find(ip("2001:db8::1")).text().empty());
  const auto policy = policy_of(
      "country_database: {path: '" + file + "'}\n" +
      "steering_configurations: [{name: d, exceptions: [{name: e, destinations: {cidrs: [198.51.100.0/24], countries: "
      "[JP]}}]}]\n"
      "realtime_policies: [{name: abroad, match: {not_destination_countries: [JP]}, action: block}]\n");
  Facts facts = flow_to("x.example");
  CHECK(policy->decide(facts).missing == kMissingAddress);
  for (const auto& [address, rule] : {std::pair{"203.0.113.1", "e"}, {"198.51.100.1", "e"}, {"192.0.2.1", "abroad"}}) {
    facts.address = Fact<sluice::base::IpAddress>::of(ip(address));
    CHECK(policy->decide(facts).by.rule == rule);
  }
  CHECK_FALSE(CountryDatabase::open(folder.write("no.mmdb", "text")).ok());
}

TEST_CASE("directory: lines of users") {
  const auto users = parse_directory("# people\nann@acme.test, staff ; lab,Research\r\n\nbob\n", "users.csv");
  REQUIRE(users.ok());
  REQUIRE(users->size() == 2);
  CHECK((*users)[0].groups_size() == 2);
  CHECK((*users)[0].groups(1) == "lab");
  CHECK((*users)[0].organization_unit() == "Research");
  CHECK(parse_directory("a\nA\n", "users.csv").error().message == "users.csv:2: this user stands in line 1 already");
  CHECK_FALSE(parse_directory("a,b,c,d\n", "users.csv").ok());
}

TEST_CASE("policy files: a folder is one policy, and mistakes name the file") {
  const TemporaryFolder folder;
  folder.write("20-rules.yaml", "realtime_policies:\n- {name: b, match: {url_lists: [nope]}, action: block}\n");
  folder.write("10-rules.yaml",
               "tenant: acme\nrealtime_policies:\n- {name: a, match: {domains: [a.example]}, action: block}\n");
  folder.write(".hidden.yaml", "nonsense\n");
  const auto loaded = sluice::config::load_policy_config(folder.path());
  REQUIRE(loaded.ok());
  CHECK(loaded->message.realtime_policies_size() == 2);
  const auto failed = compile(loaded->message, {}, {1, sha256_hex});
  REQUIRE_FALSE(failed.ok());
  REQUIRE(failed.error().size() == 1);
  CHECK(loaded->located(failed.error()[0].path, failed.error()[0].sentence) ==
        folder.path() + "/20-rules.yaml:2:33: realtime_policies[0].match.url_lists[0]: names no URL list");
  folder.write("30-more.yaml", "tenant: other\n");
  CHECK(sluice::config::load_policy_config(folder.path()).error().message ==
        folder.path() + "/30-more.yaml:1:9: tenant: stands in another file too");
}
