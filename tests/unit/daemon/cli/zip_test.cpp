// SPDX-License-Identifier: MIT
#include "daemon/cli/zip.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <zlib.h>

using namespace gantry;
using namespace gantry::daemon::cli;

namespace {

// A zip file put together by hand: stored files only.
class ZipMaker {
 public:
  void add(const std::string& name, const std::string& content, std::uint32_t mode = 0100644,
           std::uint32_t wrong_checksum = 0) {
    const auto offset = static_cast<std::uint32_t>(files_.size());
    const auto checksum = static_cast<std::uint32_t>(
        ::crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size()));
    std::string common;
    for (const unsigned value : {20U, 0U, 0U, 0U, 0U})
      number(common, value, 2);
    number(common, checksum ^ wrong_checksum, 4);
    number(common, static_cast<std::uint32_t>(content.size()), 4);
    number(common, static_cast<std::uint32_t>(content.size()), 4);
    number(common, static_cast<std::uint32_t>(name.size()), 2);
    number(common, 0, 2);
    number(files_, 0x04034b50, 4);
    files_ += common + name + content;
    number(directory_, 0x02014b50, 4);
    number(directory_, 0x0314, 2);
    directory_ += common;
    for (const unsigned value : {0U, 0U, 0U})
      number(directory_, value, 2);
    number(directory_, mode << 16U, 4);
    number(directory_, offset, 4);
    directory_ += name;
    ++count_;
  }
  std::string finish() const {
    std::string all = files_ + directory_;
    number(all, 0x06054b50, 4);
    for (const unsigned value : {0U, 0U, count_, count_})
      number(all, value, 2);
    number(all, static_cast<std::uint32_t>(directory_.size()), 4);
    number(all, static_cast<std::uint32_t>(files_.size()), 4);
    number(all, 0, 2);
    return all;
  }

 private:
  static void number(std::string& into, std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i)
      into.push_back(static_cast<char>((value >> (8 * i)) & 0xff));
  }
  std::string files_, directory_;
  unsigned count_ = 0;
};

struct Unpacking {
  core::TempDir dir;
  core::fs::path zip = dir.path() / "a.zip";
  core::fs::path out = dir.path() / "out";

  explicit Unpacking(const std::string& bytes) {
    core::write_file_atomic(zip, bytes);
    core::fs::create_directory(out);
  }
  std::string refusal() {
    try {
      unpack_zip(zip, out);
    } catch (const core::Exception& error) {
      return error.what();
    }
    return "";
  }
};

std::string with_file(const std::string& name, std::uint32_t mode = 0100644) {
  ZipMaker maker;
  maker.add("before", "x");
  maker.add(name, "evil", mode);
  return maker.finish();
}

}  // namespace

TEST_CASE("zip: files and folders, executable or not") {
  ZipMaker maker;
  maker.add("sub/deep/", "");
  maker.add("sub/a.txt", "content");
  maker.add("run.sh", "#!/bin/sh", 0100755);
  Unpacking u(maker.finish());
  core::write_file_atomic(u.out / "run.sh", "what was there before, and longer");
  CHECK(unpack_zip(u.zip, u.out) == 2);
  CHECK(core::read_file(u.out / "sub/a.txt") == "content");
  CHECK(core::read_file(u.out / "run.sh") == "#!/bin/sh");
  CHECK(core::fs::is_directory(u.out / "sub/deep"));
}

TEST_CASE("zip: nothing is unpacked when a name leads out or an entry is a link") {
  for (const char* name : {"../x", "a/../../x", "/etc/x", "a//b", "./x", "..", "a\\b"}) {
    Unpacking u(with_file(name));
    CHECK_FALSE(u.refusal().empty());
    CHECK(core::fs::is_empty(u.out));
    CHECK_FALSE(core::fs::exists(u.dir.path() / "x"));
  }
  Unpacking link(with_file("link", 0120777));
  CHECK(link.refusal() == "unpacking 'link': it is a symbolic link; nothing was unpacked");
}

TEST_CASE("zip: a link that stands in the way is not followed") {
  Unpacking u(with_file("sub/x"));
  core::fs::create_directory(u.dir.path() / "elsewhere");
  core::fs::create_symlink(u.dir.path() / "elsewhere", u.out / "sub");
  CHECK_FALSE(u.refusal().empty());
  CHECK(core::fs::is_empty(u.dir.path() / "elsewhere"));
}

TEST_CASE("zip: what is cut, changed or no zip file at all is refused in words") {
  ZipMaker maker;
  maker.add("a", "content", 0100644, 1);
  CHECK(Unpacking(maker.finish()).refusal() ==
        "unpacking: not a whole zip file: a checksum is wrong");
  CHECK(Unpacking("").refusal() == "unpacking: not a whole zip file: it has no directory");
  const std::string whole = with_file("good");
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK_FALSE(Unpacking(whole.substr(0, size)).refusal().empty());
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x55);
    Unpacking u(changed);
    u.refusal();  // or harmless; nothing lands outside
    CHECK(std::distance(core::fs::directory_iterator(u.dir.path()),
                        core::fs::directory_iterator()) == 2);
  }
}
