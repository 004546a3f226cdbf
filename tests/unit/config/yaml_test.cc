#include "proxy/config/yaml.h"

#include <google/protobuf/descriptor.pb.h>

#include <catch2/catch.hpp>

#include "proxy/config/limits.h"
#include "sluice/config/v1/proxy.pb.h"
#include "sluice/events/v1/page_event.pb.h"

namespace sluice::config {

namespace {

std::string error_of(std::string_view text, google::protobuf::Message& message) {
  const auto status = load_yaml(text, "f.yaml", message, nullptr);
  return status.ok() ? "ok" : status.error().message;
}

std::string error_of(std::string_view text) {
  v1::Proxy message;
  return error_of(text, message);
}

}  // namespace

TEST_CASE("every kind of value arrives in its field, and its place in the marks") {
  v1::Proxy proxy;
  Marks marks;
  const char* text =
      "name: pop\n"
      "workers: 3\n"
      "listeners:\n"
      "- {name: a, address: \"127.0.0.1:1\", allow_sources: [10.0.0.0/8, 'fc00::/7']}\n"
      "- name: b\n"
      "  auth:\n"
      "    basic: users\n"
      "origin:\n"
      "  resolve: {dropbox.com: 127.0.0.1, \"b.example\": ::1}\n"
      "  allow_ports: [443, 80]\n"
      "spool: {max_bytes: 4GiB}\n";
  const auto status = load_yaml(text, "f.yaml", proxy, &marks);
  REQUIRE(status.ok());
  CHECK(proxy.name() == "pop");
  CHECK(proxy.workers().count() == 3);
  REQUIRE(proxy.listeners_size() == 2);
  CHECK(proxy.listeners(0).allow_sources(1) == "fc00::/7");
  CHECK(proxy.listeners(1).auth().basic() == "users");
  CHECK(proxy.origin().resolve().at("dropbox.com") == "127.0.0.1");
  CHECK(proxy.origin().resolve().at("b.example") == "::1");
  CHECK(proxy.origin().allow_ports(1) == 80);
  CHECK(proxy.spool().max_bytes() == uint64_t{4} << 30);

  const auto place = [&](const char* path) {
    const Mark mark = marks.nearest(path);
    return std::to_string(mark.line) + ":" + std::to_string(mark.column);
  };
  CHECK(place("name") == "1:7");
  CHECK(place("listeners[0].allow_sources[1]") == "4:65");
  CHECK(place("listeners[1].auth.basic") == "7:12");
  CHECK(place("origin.resolve[\"dropbox.com\"]") == "9:26");
  CHECK(place("origin.resolve[\"dropbox.com\"].x") == "9:26");
  CHECK(place("origin.connect_timeout_ms") == "8:1");
  CHECK(place("spool.max_bytes") == "11:20");
  CHECK(place("timeouts.head_ms") == "1:1");
  CHECK(marks.contains("listeners[1]"));
  CHECK_FALSE(marks.contains("listeners[2]"));
}

TEST_CASE("wrong documents are refused with the exact place and what would be right") {
  struct Case {
    const char* text;
    const char* error;
  };
  const Case cases[] = {
      {"", "f.yaml:1:1: the file is empty"},
      {"# only a comment\n", "f.yaml:1:1: the file is empty"},
      {"---\n", "f.yaml:1:1: the file is empty"},
      {"- a\n", "f.yaml:1:1: must be a group of fields, found a list"},
      {"word\n", "f.yaml:1:1: must be a group of fields, found `word`"},
      {"listeners:\n- adress: 1\n", "f.yaml:2:3: listeners[0].adress: unknown field; did you mean `address`?"},
      {"health: {x: 1}", "f.yaml:1:10: health.x: unknown field; known here: `address`"},
      {"name: a\nname: b\n", "f.yaml:2:1: name: stands here twice"},
      {"name: [a]\n", "f.yaml:1:1: name: must be text, found a list"},
      {"name: {a: b}\n", "f.yaml:1:1: name: must be text, found a group of fields"},
      {"name:\n", "f.yaml:1:1: name: has no value; give one or remove the key"},
      {"health: ~\n", "f.yaml:1:1: health: has no value; give one or remove the key"},
      {"name: \"a\\0b\"\n", "f.yaml:1:7: name: must be text without control characters, found `a\\x00b` in quotes"},
      {"listeners: 7\n", "f.yaml:1:12: listeners: must be a list, found `7`"},
      {"listeners: [7]\n", "f.yaml:1:13: listeners[0]: must be a group of fields, found `7`"},
      {"[a]: b\n", "f.yaml:1:1: a key must be a field's name, found a list"},
      {"limits: {flows: -1}", "f.yaml:1:17: limits.flows: must be a whole number from 0 to 4294967295, found `-1`"},
      {"limits: {flows: 4294967296}",
       "f.yaml:1:17: limits.flows: must be a whole number from 0 to 4294967295, found `4294967296`"},
      {"limits: {flows: '5'}",
       "f.yaml:1:17: limits.flows: must be a whole number from 0 to 4294967295, found `5` in quotes"},
      {"limits: {flows: 5.0}", "f.yaml:1:17: limits.flows: must be a whole number from 0 to 4294967295, found `5.0`"},
      {"spool: {max_bytes: 4GB}",
       "f.yaml:1:20: spool.max_bytes: must be a number of bytes or a size such as 512MiB or 4GiB, found `4GB`"},
      {"spool: {max_bytes: 99999999TiB}",
       "f.yaml:1:20: spool.max_bytes: must be a number of bytes or a size such as 512MiB or 4GiB, found `99999999TiB`"},
      {"workers: 0", "f.yaml:1:10: workers: must be `auto` or a whole number from 1 to 256, found `0`"},
      {"workers: 257", "f.yaml:1:10: workers: must be `auto` or a whole number from 1 to 256, found `257`"},
      {"workers: {count: 1}",
       "f.yaml:1:1: workers: must be `auto` or a whole number from 1 to 256, found a group of fields"},
      {"origin: {resolve: [a]}", "f.yaml:1:10: origin.resolve: must be a group of `key: value` lines, found a list"},
      {"origin: {resolve: {a: 1.1.1.1, a: 1.1.1.2}}", "f.yaml:1:32: origin.resolve[\"a\"]: stands here twice"},
      {"origin: {resolve: {a: [b]}}", "f.yaml:1:20: origin.resolve[\"a\"]: must be text, found a list"},
      {"name: a\n---\nname: b\n", "f.yaml:2:1: a second document begins here; a file holds one"},
      {"name: !secret a\n", "f.yaml:1:7: a YAML tag stands here (`!secret`); tags are not used in configuration"},
      {"name: *a\n", "f.yaml:1:7: not valid YAML: the referenced anchor is not defined"},
      {"listeners: &a [*a]\n", "f.yaml:1:16: an alias stands inside of what it repeats"},
      {"name: \"a\n", "f.yaml:3:2: not valid YAML: illegal EOF in scalar"},
      {"name: a\nlog\n", "f.yaml:2:1: not valid YAML: end of map not found"},
      {"name: a: b\n", "f.yaml:1:8: not valid YAML: illegal map value"},
      {"name: \xff\n", "f.yaml:1:7: not UTF-8 text"},
      {"name: a\n\x01", "f.yaml:2:1: not UTF-8 text"},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    CHECK(error_of(c.text) == c.error);
  }
}

TEST_CASE("all errors of a file are told at once, up to the limit") {
  CHECK(error_of("nmae: a\nlimits: {flows: x}\nhealth: 5\n") ==
        "f.yaml:1:1: nmae: unknown field; did you mean `name`?\n"
        "f.yaml:2:17: limits.flows: must be a whole number from 0 to 4294967295, found `x`\n"
        "f.yaml:3:9: health: must be a group of fields, found `5`");
  std::string many = "listeners:\n";
  for (int i = 0; i < 100; ++i) many += "- 1\n";
  const std::string error = error_of(many);
  CHECK(std::count(error.begin(), error.end(), '\n') == static_cast<std::ptrdiff_t>(problems_max));
  CHECK(error.ends_with("f.yaml: and more errors that are not shown"));
}

TEST_CASE("booleans, enums, signed numbers, floats and one-of") {
  google::protobuf::FieldOptions options;
  CHECK(error_of("{deprecated: true, ctype: cord, jstype: js_string}", options) == "ok");
  CHECK(options.deprecated());
  CHECK(options.ctype() == google::protobuf::FieldOptions::CORD);
  CHECK(options.jstype() == google::protobuf::FieldOptions::JS_STRING);
  CHECK(error_of("deprecated: yes", options) == "f.yaml:1:13: deprecated: must be true or false, found `yes`");
  CHECK(error_of("deprecated: 'true'", options) ==
        "f.yaml:1:13: deprecated: must be true or false, found `true` in quotes");
  CHECK(error_of("ctype: cordd", options) ==
        "f.yaml:1:8: ctype: must be `string`, `cord` or `string_piece`, found `cordd`; did you mean `cord`?");
  google::protobuf::UninterpretedOption option;
  CHECK(error_of("{negative_int_value: -9223372036854775808, double_value: 1.5e3}", option) == "ok");
  CHECK(option.negative_int_value() == INT64_MIN);
  CHECK(option.double_value() == 1500.0);
  CHECK(error_of("double_value: .nan", option) == "f.yaml:1:15: double_value: must be a number, found `.nan`");
}

TEST_CASE("aliases repeat values, within bounds") {
  v1::Proxy proxy;
  REQUIRE(error_of("name: &n pop\ntenant: *n\n", proxy) == "ok");
  CHECK(proxy.tenant() == "pop");

  // Nine levels of ten aliases: a thousand million values in 300 bytes.
  std::string list = "&l0 [x,x,x,x,x,x,x,x,x,x]";
  for (int level = 1; level < 9; ++level) {
    std::string next = "&l" + std::to_string(level) + " [" + list;
    for (int i = 0; i < 9; ++i) next += ", *l" + std::to_string(level - 1);
    list = next + "]";
  }
  const std::string error = error_of("listeners:\n- allow_sources: " + list + "\n");
  CHECK(error.find("must be text, found a list") != std::string::npos);

  // One list of 2,000 values used 1,000 times.
  std::string many = "listeners:\n- allow_sources: &a [";
  for (int i = 0; i < 2000; ++i) many += "x,";
  many += "]\n";
  for (int i = 0; i < 1000; ++i) many += "- {allow_sources: *a}\n";
  CHECK(error_of(many).ends_with("aliases repeat too much"));

  // One long text used often.
  std::string text = "listeners:\n- {name: &a " + std::string(1 << 20, 'x') + "}\n";
  for (int i = 0; i < 100; ++i) text += "- {name: *a}\n";
  CHECK(error_of(text).ends_with("aliases repeat too much"));
}

TEST_CASE("hostile shapes end at a limit") {
  CHECK(error_of(std::string(file_bytes_max + 1, ' ')) == "f.yaml:1:1: longer than 16 MiB");
  CHECK(error_of("listeners: " + std::string(100'000, '[')).find("nested deeper than 64 levels") != std::string::npos);
  CHECK(error_of("listeners: " + std::string(100, '{')).find("nested deeper than 64 levels") != std::string::npos);
  std::string deep;
  for (size_t i = 0; i < 200; ++i) deep += std::string(i, ' ') + "a:\n";
  CHECK(error_of(deep).find("nested deeper than 64 levels") != std::string::npos);
  std::string wide = "origin: {allow_ports: [";
  for (size_t i = 0; i <= nodes_max; ++i) wide += "1,";
  CHECK(error_of(wide + "]}").find("more than 1000000 values in one file") != std::string::npos);
  CHECK(error_of("origin: {resolve: {" + std::string(300, 'x') + ": 1.1.1.1}}") ==
        "f.yaml:1:20: origin.resolve: a key must be text of at most 256 bytes, found `" + std::string(64, 'x') +
            "...`");
  // A key of a megabyte is neither searched for nor printed whole.
  CHECK(error_of("? " + std::string(1 << 20, 'x') + "\n: 1\n").size() < 1000);
}

}  // namespace sluice::config
