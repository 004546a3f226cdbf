#pragma once
// Where things stand in a configuration file, and what is wrong there.
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/base/result.h"

namespace sluice::config {

// A place in a file, both counted from 1.
struct Mark {
  uint32_t line = 1;
  uint32_t column = 1;
};

// The place of every field that stands in a file, by field path: `listeners[0].address`, `origin.resolve["a.example"]`.
// The path of the whole file is "". A plain value.
class Marks {
 public:
  void set(std::string path, Mark mark) { marks_.insert_or_assign(std::move(path), mark); }
  bool contains(std::string_view path) const { return marks_.contains(std::string(path)); }
  // The place of the field or, if it is not in the file, of the nearest field around it.
  Mark nearest(std::string_view path) const;

 private:
  std::unordered_map<std::string, Mark> marks_;
};

// Collects what is wrong with one file as lines `FILE:LINE:COLUMN: field.path: sentence`, up to problems_max of them.
// A plain value.
class Problems {
 public:
  explicit Problems(std::string_view file_name) : file_name_(file_name) {}

  void add(Mark mark, std::string_view path, std::string_view sentence);
  bool empty() const { return lines_.empty(); }
  bool full() const { return full_; }
  // Ok when empty; else all lines, joined by newlines.
  base::Status status() const;

 private:
  std::string file_name_;
  std::vector<std::string> lines_;
  bool full_ = false;
};

// `text` in backquotes, cut at quoted_bytes_max, control bytes as \xNN: safe to print.
std::string backquoted(std::string_view text);
// The same without the backquotes.
std::string printable(std::string_view text);
// The path of one entry of a map field: `origin.resolve["a.example"]`.
std::string entry_path(std::string_view path, std::string_view key);
// "`a`, `b` or `c`"; "" for no words.
std::string backquoted_list(const std::vector<std::string>& words, std::string_view last_joint);
// "; did you mean `a`?" with the candidates nearest to `word`, or "" when none is near.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace sluice::config
