#include "events/api/tail_lines.h"

#include <catch2/catch.hpp>

#include "events/api/limits.h"

namespace sluice::api {
namespace {

store::SharedRecord record_at(uint64_t offset) {
  auto stored = std::make_shared<store::v1::StoredRecord>();
  stored->set_offset(offset);
  stored->mutable_record()->mutable_page_event()->set_host("host-" + std::to_string(offset) + ".example");
  return stored;
}

std::string line_of(const store::SharedRecord& record) {
  std::string line;
  append_line(line, *record);
  return line;
}

}  // namespace

TEST_CASE("every tail gets the line of its record, also when others were forgotten meanwhile") {
  TailLines lines;
  const store::SharedRecord first = record_at(1);
  CHECK(line_of(first).starts_with("id: 1\ndata: {"));
  std::string out;
  lines.append(out, first);
  lines.append(out, first);
  CHECK(out == line_of(first) + line_of(first));
  for (uint64_t offset = 2; offset <= tail_lines_max + 2; ++offset) {
    const store::SharedRecord record = record_at(offset);  // given back at once: its address is used again
    out.clear();
    lines.append(out, record);
    REQUIRE(out == line_of(record));
  }
  out.clear();
  lines.append(out, first);
  CHECK(out == line_of(first));
}

TEST_CASE("a record that changes has a line for each of its states") {
  TailLines lines;
  const store::SharedRecord open = record_at(0);
  const store::SharedRecord closed = record_at(7);
  std::string out;
  lines.append(out, open);
  lines.append(out, closed);
  CHECK(out == line_of(open) + line_of(closed));
  CHECK(line_of(open).starts_with("data: {"));
}

}  // namespace sluice::api
