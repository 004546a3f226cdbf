#pragma once
// HTTP/2 frames written by hand (RFC 9113 section 4.1), and read again: what tests say that no library would.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::http::test {

constexpr uint8_t frame_data = 0, frame_headers = 1, frame_priority = 2, frame_rst = 3, frame_settings = 4,
                  frame_push = 5, frame_ping = 6, frame_goaway = 7, frame_window = 8, frame_continuation = 9;
constexpr uint8_t flag_end_stream = 1, flag_ack = 1, flag_end_headers = 4, flag_padded = 8, flag_priority = 32;
constexpr uint32_t protocol_error = 1, flow_control_error = 3, stream_closed = 5, frame_size_error = 6,
                   refused_stream = 7, cancel = 8, compression_error = 9, enhance_your_calm = 11;
inline const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

inline std::string number32(uint32_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
  return out;
}

inline std::string frame(uint8_t type, uint8_t flags, uint32_t stream, const std::string& payload) {
  std::string out = number32(static_cast<uint32_t>(payload.size())).substr(1);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  return out + number32(stream) + payload;
}

// HPACK: literal without indexing, of up to 16 KiB.
inline std::string hpack_text(const std::string& text) {
  if (text.size() < 127) return static_cast<char>(text.size()) + text;
  const size_t rest = text.size() - 127;
  std::string out = "\x7f";
  out += static_cast<char>(0x80 | (rest & 0x7f));
  out += static_cast<char>(rest >> 7 & 0x7f);
  return out + text;
}
inline std::string field(const std::string& name, const std::string& value) {
  return std::string(1, '\0') + hpack_text(name) + hpack_text(value);
}

// SETTINGS: one entry.
inline std::string setting(uint16_t id, uint32_t value) {
  return std::string{static_cast<char>(id >> 8), static_cast<char>(id & 0xff)} + number32(value);
}

struct RawFrame {
  uint8_t type = 0;
  uint8_t flags = 0;
  uint32_t stream = 0;
  std::string payload;
};

inline uint32_t read_number(std::string_view bytes) {
  uint32_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

// Whole frames only, behind no preface.
inline std::vector<RawFrame> read_frames(std::string_view bytes) {
  std::vector<RawFrame> frames;
  while (bytes.size() >= 9) {
    const size_t length = read_number(bytes.substr(0, 3));
    if (bytes.size() < 9 + length) break;
    frames.push_back({static_cast<uint8_t>(bytes[3]), static_cast<uint8_t>(bytes[4]), read_number(bytes.substr(5, 4)),
                      std::string(bytes.substr(9, length))});
    bytes.remove_prefix(9 + length);
  }
  return frames;
}

}  // namespace sluice::http::test
