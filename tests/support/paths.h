#pragma once
// Where the tests find fixtures and programs. One source file knows, so that all others compile alike in every clone.
#include <string>

namespace sluice::test {

// The root of the source tree, without a trailing slash.
std::string source_dir();
// The root of the build tree, without a trailing slash; its programs are in bin/.
std::string binary_dir();

}  // namespace sluice::test
