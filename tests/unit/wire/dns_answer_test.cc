// DNS answers as they pass this machine, in their packets.
#include "proxy/wire/dns_answer.h"

#include <catch2/catch.hpp>

#include "proxy/wire/udp_packet.h"

namespace sluice::wire {

namespace {

std::string u16(unsigned value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}

std::string u32(unsigned value) {
  return u16(value >> 16) + u16(value & 0xffff);
}

std::string name(const std::string& text) {
  std::string wire;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('.', at), text.size());
    wire += static_cast<char>(end - at);
    wire += text.substr(at, end - at);
    at = end + 1;
  }
  return wire + '\0';
}

const std::string pointer("\xc0\x0c", 2);

std::string record(unsigned type, unsigned ttl, const std::string& data) {
  return pointer + u16(type) + u16(1) + u32(ttl) + u16(static_cast<unsigned>(data.size())) + data;
}

std::string message(const std::string& asked, const std::vector<std::string>& records, unsigned type = 1,
                    unsigned flags = 0x8180) {
  std::string text = u16(7) + u16(flags) + u16(1) + u16(static_cast<unsigned>(records.size())) + u32(0);
  text += name(asked) + u16(type) + u16(1);
  for (const std::string& each : records) text += each;
  return text;
}

const std::string first("\xcb\x00\x71\x07", 4);
const std::string second("\xcb\x00\x71\x08", 4);

std::string udp4(const std::string& payload) {
  const auto size = static_cast<unsigned>(payload.size());
  return std::string("\x45\0", 2) + u16(28 + size) + u32(0) + std::string("\x40\x11\0\0", 4) +
         std::string("\xc0\x00\x02\x35\xc0\x00\x02\x01", 8) + u16(53) + u16(40'000) + u16(8 + size) + u16(0) + payload;
}

}  // namespace

TEST_CASE("an answer is the name that was asked for, and every address in it") {
  const std::string text =
      message("WWW.Example.com", {record(5, 300, name("cdn.example")), record(1, 60, first), record(1, 30, second)});
  const auto answer = parse_dns_answer(base::as_bytes(text));
  REQUIRE(answer);
  CHECK(answer->name == "www.example.com");
  CHECK(answer->addresses ==
        std::vector{*base::IpAddress::parse("203.0.113.7"), *base::IpAddress::parse("203.0.113.8")});
  CHECK(answer->ttl_seconds == 30);
  for (size_t size = 0; size < text.size(); ++size) {
    INFO("cut to " << size);
    CHECK_FALSE(parse_dns_answer(base::as_bytes(text.substr(0, size))));
  }
  const auto v6 =
      parse_dns_answer(base::as_bytes(message("v6.example", {record(28, 60, std::string(16, '\x20'))}, 28)));
  REQUIRE(v6);
  CHECK(v6->addresses[0].to_string() == "2020:2020:2020:2020:2020:2020:2020:2020");
}

TEST_CASE("what is no answer with addresses teaches nothing") {
  CHECK_FALSE(parse_dns_answer(base::as_bytes(message("a.example", {}, 1, 0x0100))));                      // question
  CHECK_FALSE(parse_dns_answer(base::as_bytes(message("a.example", {record(1, 60, first)}, 1, 0x8183))));  // error
  CHECK_FALSE(parse_dns_answer(base::as_bytes(message("a.example", {}))));                                 // empty
  CHECK_FALSE(parse_dns_answer(base::as_bytes(message("a.example", {record(16, 60, "text")}, 16))));       // TXT
  CHECK_FALSE(parse_dns_answer(base::as_bytes(message("a.example", {record(1, 60, first.substr(1))}))));   // short
  CHECK_FALSE(parse_dns_answer(base::as_bytes(message("evil\nname", {record(1, 60, first)}))));            // no host
  CHECK_FALSE(parse_dns_answer(base::as_bytes(message(std::string(64, 'a'), {record(1, 60, first)}))));    // label
  CHECK_FALSE(parse_dns_answer(base::as_bytes(message("10.0.0.1", {record(1, 60, first)}))));              // address
}

TEST_CASE("a datagram in its packet") {
  const std::string text = udp4("payload");
  const auto packet = parse_udp_packet(base::as_bytes(text));
  REQUIRE(packet);
  CHECK(packet->source == *base::Endpoint::parse("192.0.2.53:53"));
  CHECK(packet->destination == *base::Endpoint::parse("192.0.2.1:40000"));
  CHECK(base::as_text(packet->payload) == "payload");
  CHECK(base::as_text(parse_udp_packet(base::as_bytes(text + "padding"))->payload) == "payload");
  CHECK(base::as_text(parse_udp_packet(base::as_bytes(text.substr(0, 30)))->payload) == "pa");  // only the beginning
  for (size_t size = 0; size < 28; ++size) CHECK_FALSE(parse_udp_packet(base::as_bytes(text.substr(0, size))));
  std::string tcp = text;
  tcp[9] = 6;
  CHECK_FALSE(parse_udp_packet(base::as_bytes(tcp)));
  std::string fragment = text;
  fragment[7] = 1;
  CHECK_FALSE(parse_udp_packet(base::as_bytes(fragment)));

  const std::string v6 = std::string("\x60\0\0\0", 4) + u16(10) + std::string("\x11\x40", 2) + std::string(15, '\0') +
                         '\1' + std::string(15, '\0') + '\2' + u16(443) + u16(50) + u16(10) + u16(0) + "hi";
  const auto six = parse_udp_packet(base::as_bytes(v6));
  REQUIRE(six);
  CHECK(six->source == *base::Endpoint::parse("[::1]:443"));
  CHECK(six->destination == *base::Endpoint::parse("[::2]:50"));
  CHECK(base::as_text(six->payload) == "hi");
}

}  // namespace sluice::wire
