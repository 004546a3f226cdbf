#include "proxy/report/frame.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <random>
#include <sstream>
#include <string>

#include "proxy/report/limits.h"
#include "sluice/events/v1/page_event.pb.h"
#include "tests/support/paths.h"

namespace sluice::report {

namespace {

std::vector<uint8_t> frame_of(uint64_t first_seq, const std::vector<Entry>& entries) {
  std::vector<uint8_t> payload;
  for (const Entry& entry : entries) append_entry(payload, entry);
  std::vector<uint8_t> out(frame_head_bytes);
  out.insert(out.end(), payload.begin(), payload.end());
  write_frame_head(out.data(), first_seq, static_cast<uint32_t>(entries.size()), Codec::kNone,
                   base::ByteView(out).subspan(frame_head_bytes));
  return out;
}

std::vector<uint8_t> sample_frame() {
  return frame_of(9, {{EntryKind::kOpen, 300, base::as_bytes("open")},
                      {EntryKind::kFinal, 300, base::as_bytes("final")},
                      {EntryKind::kEmpty, 0, {}},
                      {EntryKind::kOther, 0, base::as_bytes("notice")}});
}

// The bytes of the ```hex block of the format document: what stands left of two spaces on each line.
std::vector<uint8_t> documented_example() {
  std::ifstream in(test::source_dir() + "/proxy/report/SPOOL_FORMAT.md");
  std::vector<uint8_t> bytes;
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("```")) {
      inside = line == "```hex";
      continue;
    }
    if (!inside) continue;
    std::istringstream words(line.substr(0, line.find("  ")));
    for (std::string word; words >> word;) bytes.push_back(static_cast<uint8_t>(std::stoul(word, nullptr, 16)));
  }
  return bytes;
}

}  // namespace

TEST_CASE("the example in the format document decodes as it says") {
  const auto bytes = documented_example();
  REQUIRE(bytes.size() == 67);
  const FrameParse parse = parse_frame(bytes);
  REQUIRE(parse.status == FrameStatus::kComplete);
  CHECK(parse.frame.first_seq == 41);
  CHECK(parse.frame.last_seq() == 43);
  CHECK(parse.frame.bytes() == bytes.size());
  const auto entries = decode_entries(parse.frame.payload, parse.frame.count);
  REQUIRE(entries);
  CHECK((*entries)[0].kind == EntryKind::kOpen);
  CHECK((*entries)[0].counter == 7);
  events::v1::Record record;
  REQUIRE(record.ParseFromArray((*entries)[0].record.data(), static_cast<int>((*entries)[0].record.size())));
  CHECK(record.page_event().event_id() == "00000000c0ffee01-7");
  CHECK(record.page_event().revision() == 1);
  CHECK(record.page_event().state() == events::v1::STATE_OPEN);
  CHECK((*entries)[1].kind == EntryKind::kEmpty);
  CHECK((*entries)[1].counter == 7);
  CHECK((*entries)[2].kind == EntryKind::kOther);
  REQUIRE(record.ParseFromArray((*entries)[2].record.data(), static_cast<int>((*entries)[2].record.size())));
  CHECK(record.notice().kind() == "example");
  // And the writer makes the same bytes.
  CHECK(frame_of(41, *entries) == bytes);
}

TEST_CASE("a frame is complete at its last byte and not before") {
  const auto bytes = sample_frame();
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    const FrameParse parse = parse_frame(base::ByteView(bytes).first(cut));
    INFO("cut at " << cut);
    REQUIRE(parse.status == FrameStatus::kNeedMore);
    REQUIRE(parse.bytes_needed > cut);
    REQUIRE(parse.bytes_needed <= bytes.size());
  }
  auto more = bytes;
  more.push_back(0xff);
  CHECK(parse_frame(more).frame.bytes() == bytes.size());
}

TEST_CASE("every flipped bit of a frame is detected") {
  const auto good = sample_frame();
  for (size_t at = 0; at < good.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      auto bad = good;
      bad[at] = static_cast<uint8_t>(bad[at] ^ (1u << bit));
      INFO("byte " << at << " bit " << bit);
      // A longer length waits for bytes that may come; padded, it fails its checksum.
      REQUIRE(parse_frame(bad).status != FrameStatus::kComplete);
      bad.resize(frame_bytes_max / 64);
      REQUIRE(parse_frame(bad).status != FrameStatus::kComplete);
    }
  }
}

TEST_CASE("heads that never begin a frame are corrupt at once") {
  std::vector<uint8_t> bytes = sample_frame();
  const auto length_is = [&](uint32_t length) {
    for (size_t i = 0; i < 4; ++i) bytes[i] = static_cast<uint8_t>(length >> (8 * i));
    return parse_frame(bytes).status;
  };
  CHECK(length_is(0) == FrameStatus::kCorrupt);
  CHECK(length_is(13) == FrameStatus::kCorrupt);
  CHECK(length_is(14) == FrameStatus::kCorrupt);  // checksum
  CHECK(length_is(13 + frame_bytes_max) == FrameStatus::kNeedMore);
  CHECK(length_is(14 + frame_bytes_max) == FrameStatus::kCorrupt);
  CHECK(length_is(0xffffffff) == FrameStatus::kCorrupt);
}

TEST_CASE("malformed entries are refused") {
  const auto refused = [](std::vector<uint8_t> payload, uint32_t count) { return !decode_entries(payload, count); };
  CHECK_FALSE(refused({2, 3, 0}, 1));
  CHECK(refused({}, 1));
  CHECK(refused({2, 3, 0}, 0));
  CHECK(refused({2, 3, 0}, 2));
  CHECK(refused({2, 3, 0, 2, 3, 0}, 1));
  CHECK(refused({1, 3}, 1));              // no counter
  CHECK(refused({3, 3, 0, 1}, 1));        // empty with bytes
  CHECK(refused({2, 0, 0}, 1));           // other without
  CHECK(refused({3, 0, 1, 1}, 1));        // other with a counter
  CHECK(refused({3, 1, 0, 1}, 1));        // event without counter
  CHECK(refused({3, 4, 1, 1}, 1));        // unknown kind
  CHECK(refused({4, 3, 0}, 1));           // cut off
  CHECK(refused({0x82, 0x00, 3, 0}, 1));  // not the shortest form
  CHECK(refused({3, 3, 0x80, 0x00}, 1));  // the same in the counter
  CHECK(refused({2, 3, 0x80}, 1));        // counter runs out of the entry
  CHECK(refused(std::vector<uint8_t>(64, 0xff), 1));
  CHECK(refused({2, 3, 0}, 0xffffffff));  // must not reserve for what cannot be there
}

TEST_CASE("a record of the largest size fits, one byte more does not") {
  const std::string record(record_bytes_max + 1, 'x');
  std::vector<uint8_t> payload;
  append_entry(payload, {EntryKind::kOther, 0, base::as_bytes(record).first(record_bytes_max)});
  CHECK(decode_entries(payload, 1));
  CHECK(payload.size() == entry_bytes(0, record_bytes_max));
  payload.assign(entry_bytes(0, record.size()), 'x');
  write_entry_head(payload.data(), EntryKind::kOther, 0, record.size());
  CHECK_FALSE(decode_entries(payload, 1));
}

TEST_CASE("varints of every length round-trip through an entry") {
  for (int bits = 0; bits < 64; ++bits) {
    for (const uint64_t counter : {uint64_t{1} << bits, (uint64_t{1} << bits) - 1, ~uint64_t{0} >> bits}) {
      std::vector<uint8_t> payload;
      append_entry(payload, {EntryKind::kEmpty, counter, {}});
      const auto entries = decode_entries(payload, 1);
      REQUIRE(entries);
      REQUIRE((*entries)[0].counter == counter);
    }
  }
}

TEST_CASE("batch payloads survive compression, and bombs do not") {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "host-" + std::to_string(i % 50) + ".example ";
  const auto payload = base::as_bytes(text);
  std::vector<uint8_t> packed;
  REQUIRE(pack_payload(payload, packed));
  CHECK(packed.size() < payload.size() / 4);
  std::vector<uint8_t> buffer;
  const auto back = unpack_payload(1, packed, buffer);
  REQUIRE(back);
  CHECK(base::as_text(*back) == text);
  for (size_t cut = 0; cut < packed.size(); ++cut) {
    const auto cut_back = unpack_payload(1, base::ByteView(packed).first(cut), buffer);
    REQUIRE_FALSE(cut_back);
  }
  CHECK(unpack_payload(0, payload, buffer));
  CHECK_FALSE(unpack_payload(2, packed, buffer));
  CHECK_FALSE(unpack_payload(1, payload, buffer));
  const std::vector<uint8_t> zeros(batch_bytes_max + 1);
  REQUIRE(pack_payload(zeros, packed));
  CHECK_FALSE(unpack_payload(1, packed, buffer));
  CHECK_FALSE(unpack_payload(0, zeros, buffer));
  // Random bytes do not pay.
  std::mt19937 random(7);
  std::vector<uint8_t> noise(4096);
  for (auto& byte : noise) byte = static_cast<uint8_t>(random());
  CHECK_FALSE(pack_payload(noise, packed));
}

}  // namespace sluice::report
