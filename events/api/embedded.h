#pragma once
// A file that the build put into the program (sluice_embed in deploy/cmake/SluiceEmbed.cmake).
#include <string_view>
#include <vector>

namespace sluice {

struct EmbeddedFile {
  std::string_view path;  // with a leading slash
  std::string_view bytes;
};

}  // namespace sluice
