// SPDX-License-Identifier: MIT
// The format: PKWARE's APPNOTE, with ZIP64.
#include "daemon/cli/zip.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/text.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>

namespace gantry::daemon::cli {
namespace {

using core::Errc;
using core::Exception;
using core::UniqueFd;

constexpr std::size_t kPieceBytes = 256 << 10;
constexpr std::uint64_t kMaxDirectory = 512ULL << 20;
constexpr std::uint32_t kEndMark = 0x06054b50;
constexpr std::uint32_t kEnd64Mark = 0x06064b50;
constexpr std::uint32_t kLocator64Mark = 0x07064b50;
constexpr std::uint32_t kEntryMark = 0x02014b50;
constexpr std::uint32_t kLocalMark = 0x04034b50;
constexpr std::uint32_t kIn64 = 0xffffffff;

[[noreturn]] void damaged(const char* what) {
  throw Exception(Errc::invalid, std::string("unpacking: not a whole zip file: ") + what);
}

UniqueFd open_zip(const std::filesystem::path& path) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) core::throw_errno("unpacking '" + path.string() + "'");
  return file;
}

std::string read_at(const UniqueFd& file, std::uint64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t n =
        ::pread(file.get(), bytes.data() + done, size - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) core::throw_errno("unpacking");
    if (n == 0) damaged("it ends too early");
    done += static_cast<std::size_t>(n);
  }
  return bytes;
}

template <class T>
T number_at(std::string_view bytes, std::size_t at) {
  if (at > bytes.size() || bytes.size() - at < sizeof(T)) damaged("a header is cut");
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(
        value |
        static_cast<T>(static_cast<T>(static_cast<unsigned char>(bytes[at + i])) << (8 * i)));
  }
  return value;
}

struct Directory {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint64_t entries = 0;
};

Directory find_directory(const UniqueFd& file) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) core::throw_errno("unpacking");
  const auto length = static_cast<std::uint64_t>(status.st_size);
  const std::uint64_t tail_size = std::min<std::uint64_t>(length, 22 + 0xffff);
  const std::uint64_t tail_at = length - tail_size;
  const std::string tail = read_at(file, tail_at, static_cast<std::size_t>(tail_size));
  const std::size_t end = tail.rfind("PK\5\6");
  if (end == std::string::npos || tail.size() - end < 22) damaged("it has no directory");
  Directory directory;
  directory.entries = number_at<std::uint16_t>(tail, end + 10);
  directory.size = number_at<std::uint32_t>(tail, end + 12);
  directory.offset = number_at<std::uint32_t>(tail, end + 16);
  const bool is_64 =
      directory.entries == 0xffff || directory.size == kIn64 || directory.offset == kIn64;
  const std::uint64_t end_at = tail_at + end;
  if (is_64 && end_at >= 20) {
    const std::string locator = read_at(file, end_at - 20, 20);
    if (number_at<std::uint32_t>(locator, 0) == kLocator64Mark) {
      const std::string end64 = read_at(file, number_at<std::uint64_t>(locator, 8), 56);
      if (number_at<std::uint32_t>(end64, 0) != kEnd64Mark) damaged("its directory is not there");
      directory.entries = number_at<std::uint64_t>(end64, 32);
      directory.size = number_at<std::uint64_t>(end64, 40);
      directory.offset = number_at<std::uint64_t>(end64, 48);
    }
  }
  if (directory.size > kMaxDirectory || directory.offset > length ||
      directory.size > length - directory.offset) {
    damaged("its directory lies outside");
  }
  return directory;
}

// Sizes and offset that did not fit into 32 bits stand in an extra field, in this order.
void apply_extra(std::string_view extra, ZipEntry& entry) {
  while (extra.size() >= 4) {
    const auto id = number_at<std::uint16_t>(extra, 0);
    const auto size = number_at<std::uint16_t>(extra, 2);
    if (extra.size() - 4 < size) damaged("an extra field is cut");
    std::string_view field = extra.substr(4, size);
    extra.remove_prefix(4U + size);
    if (id != 1) continue;
    for (std::uint64_t* value : {&entry.size, &entry.packed_size, &entry.offset}) {
      if (*value != kIn64) continue;
      *value = number_at<std::uint64_t>(field, 0);
      field.remove_prefix(8);
    }
  }
}

void check_name(const std::string& name, std::uint32_t unix_mode) {
  const auto refuse = [&](const char* why) {
    throw Exception(Errc::denied, "unpacking '" + core::to_valid_utf8(name) + "': " + why +
                                      "; nothing was unpacked");
  };
  if ((unix_mode & S_IFMT) == S_IFLNK) refuse("it is a symbolic link");
  if (name.empty() || name.front() == '/') refuse("its name is not relative");
  if (name.find_first_of(std::string_view("\\\0", 2)) != std::string::npos) {
    refuse("its name holds a backslash or NUL");
  }
  std::string_view path = name;
  if (path.ends_with('/')) path.remove_suffix(1);
  for (const std::string_view part : core::split(path, '/')) {
    if (part.empty() || part == "." || part == "..") refuse("its name leads out of the folder");
  }
}

ZipEntry read_entry(std::string_view& rest) {
  if (number_at<std::uint32_t>(rest, 0) != kEntryMark) damaged("its directory is not one");
  ZipEntry entry;
  const auto flags = number_at<std::uint16_t>(rest, 8);
  entry.method = number_at<std::uint16_t>(rest, 10);
  entry.checksum = number_at<std::uint32_t>(rest, 16);
  entry.packed_size = number_at<std::uint32_t>(rest, 20);
  entry.size = number_at<std::uint32_t>(rest, 24);
  const std::size_t name_size = number_at<std::uint16_t>(rest, 28);
  const std::size_t extra_size = number_at<std::uint16_t>(rest, 30);
  const std::size_t comment_size = number_at<std::uint16_t>(rest, 32);
  const bool made_on_unix = number_at<std::uint16_t>(rest, 4) >> 8 == 3;
  const auto mode = made_on_unix ? number_at<std::uint32_t>(rest, 38) >> 16 : 0U;
  entry.offset = number_at<std::uint32_t>(rest, 42);
  if (rest.size() < 46 + name_size + extra_size + comment_size) damaged("an entry is cut");
  entry.name = rest.substr(46, name_size);
  apply_extra(rest.substr(46 + name_size, extra_size), entry);
  rest.remove_prefix(46 + name_size + extra_size + comment_size);
  check_name(entry.name, mode);
  entry.is_executable = (mode & 0100U) != 0;
  if ((flags & 1U) != 0 || (entry.method != 0 && entry.method != 8)) {
    throw Exception(Errc::invalid, "unpacking '" + entry.name +
                                       "': it is encrypted or packed in a way not known here");
  }
  return entry;
}

// Made where missing, never through a link.
UniqueFd enter(UniqueFd folder, std::string_view path) {
  if (path.empty()) return folder;
  for (const std::string_view part : core::split(path, '/')) {
    const std::string name(part);
    if (::mkdirat(folder.get(), name.c_str(), 0777) != 0 && errno != EEXIST) {
      core::throw_errno("making folder '" + name + "'");
    }
    folder.reset(
        ::openat(folder.get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!folder) core::throw_errno("entering folder '" + name + "'");
  }
  return folder;
}

// Checks what it writes.
class Target {
 public:
  Target(const UniqueFd& folder, const std::string& name, const ZipEntry& entry)
      : entry_(entry),
        file_(::openat(folder.get(), name.c_str(),
                       O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
                       entry.is_executable ? 0777 : 0666)) {
    if (!file_) core::throw_errno("writing '" + entry.name + "'");
  }
  void write(std::string_view bytes) {
    size_ += bytes.size();
    if (size_ > entry_.size) damaged("a file is longer than it says");
    checksum_ = ::crc32_z(checksum_, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
    core::write_all(file_.get(), bytes);
  }
  void finish() const {
    if (size_ != entry_.size || checksum_ != entry_.checksum) damaged("a checksum is wrong");
  }

 private:
  const ZipEntry& entry_;
  UniqueFd file_;
  std::uint64_t size_ = 0;
  uLong checksum_ = ::crc32_z(0, nullptr, 0);
};

class Inflater {
 public:
  explicit Inflater(Target& target) : target_(target) {
    if (::inflateInit2(&stream_, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { ::inflateEnd(&stream_); }

  void feed(std::string& packed) {
    stream_.next_in = reinterpret_cast<Bytef*>(packed.data());
    stream_.avail_in = static_cast<uInt>(packed.size());
    while (!ended_ && stream_.avail_in > 0) {
      stream_.next_out = reinterpret_cast<Bytef*>(out_.data());
      stream_.avail_out = static_cast<uInt>(out_.size());
      const int result = ::inflate(&stream_, Z_NO_FLUSH);
      if (result != Z_OK && result != Z_STREAM_END) damaged("packed data cannot be read");
      target_.write(std::string_view(out_).substr(0, out_.size() - stream_.avail_out));
      ended_ = result == Z_STREAM_END;
    }
  }

 private:
  Target& target_;
  z_stream stream_{};
  std::string out_ = std::string(kPieceBytes, '\0');
  bool ended_ = false;
};

void unpack_file(const UniqueFd& zip, const ZipEntry& entry, Target& target) {
  const std::string local = read_at(zip, entry.offset, 30);
  if (number_at<std::uint32_t>(local, 0) != kLocalMark) damaged("a file is not there");
  std::uint64_t at =
      entry.offset + 30 + number_at<std::uint16_t>(local, 26) + number_at<std::uint16_t>(local, 28);
  Inflater inflater(target);
  for (std::uint64_t left = entry.packed_size; left > 0;) {
    const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(left, kPieceBytes));
    std::string piece = read_at(zip, at, size);
    if (entry.method == 0) {
      target.write(piece);
    } else {
      inflater.feed(piece);
    }
    at += size;
    left -= size;
  }
  target.finish();
}

}  // namespace

std::vector<ZipEntry> read_zip(const std::filesystem::path& path) {
  const UniqueFd file = open_zip(path);
  const Directory directory = find_directory(file);
  const std::string bytes =
      read_at(file, directory.offset, static_cast<std::size_t>(directory.size));
  std::string_view rest = bytes;
  std::vector<ZipEntry> entries;
  for (std::uint64_t i = 0; i < directory.entries; ++i)
    entries.push_back(read_entry(rest));
  return entries;
}

std::size_t unpack_zip(const std::filesystem::path& path, const std::filesystem::path& folder) {
  const std::vector<ZipEntry> entries = read_zip(path);
  const UniqueFd zip = open_zip(path);
  std::size_t files = 0;
  for (const ZipEntry& entry : entries) {
    const std::size_t slash = entry.name.rfind('/');
    const std::string_view parent =
        slash == std::string::npos ? "" : std::string_view(entry.name).substr(0, slash);
    const UniqueFd where = enter(core::open_directory(folder), parent);
    if (entry.name.ends_with('/')) continue;
    Target target(where, entry.name.substr(slash == std::string::npos ? 0 : slash + 1), entry);
    unpack_file(zip, entry, target);
    ++files;
  }
  return files;
}

}  // namespace gantry::daemon::cli
