// SPDX-License-Identifier: MIT
#include "daemon/runner/services/upload.hpp"

#include "core/base/error.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

namespace gantry::daemon::runner {
namespace {

using core::Errc;
using core::Exception;

constexpr std::size_t kPieceBytes = 1 << 20;
constexpr std::size_t kMaxBlocks = 50'000;  // Azure's
constexpr const char* kDoing = "storing an upload";

// The official clients number their blocks in the last digits of the id.
std::uint64_t index_in(std::string_view id) {
  constexpr std::size_t kDigits = 9;
  std::size_t begin = id.size();
  while (begin > 0 && id.size() - begin < kDigits && id[begin - 1] >= '0' && id[begin - 1] <= '9')
    --begin;
  std::uint64_t index = 0;
  std::from_chars(id.data() + begin, id.data() + id.size(), index);
  return index;
}

void write_at(int fd, std::string_view bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) core::throw_errno(kDoing);
    bytes.remove_prefix(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
}

// Calls `use` with [offset, offset + size) of the file, in pieces.
template <class Use>
void read_pieces(int fd, std::uint64_t offset, std::uint64_t size, Use use) {
  std::string piece(static_cast<std::size_t>(std::min<std::uint64_t>(size, kPieceBytes)), '\0');
  while (size > 0) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(size, piece.size()));
    const ssize_t n = ::pread(fd, piece.data(), wanted, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) core::throw_errno(kDoing);
    if (n == 0) throw Exception(Errc::io, std::string(kDoing) + ": its file became shorter");
    use(std::string_view(piece.data(), static_cast<std::size_t>(n)));
    offset += static_cast<std::uint64_t>(n);
    size -= static_cast<std::uint64_t>(n);
  }
}

core::UniqueFd create(const std::filesystem::path& file) {
  core::UniqueFd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) core::throw_errno(std::string(kDoing) + " in '" + file.string() + "'");
  return fd;
}

}  // namespace

Upload::Upload(std::filesystem::path file, std::uint64_t limit_bytes)
    : file_(std::move(file)), limit_bytes_(limit_bytes), fd_(create(file_)) {}

Upload::~Upload() {
  ::unlink(file_.c_str());  // gone already when gantryd took it
  for (const auto& [id, block] : complete_) {
    if (!block->own.empty()) ::unlink(block->own.c_str());
  }
}

void Upload::refuse_after_commit() const {
  if (committed_) throw Exception(Errc::conflict, std::string(kDoing) + ": it is complete already");
}

bool Upload::is_free(std::uint64_t offset, std::uint64_t size) const {
  const auto next = places_.lower_bound(offset);
  if (next != places_.end() && next->first < offset + size) return false;
  if (next == places_.begin()) return true;
  const auto& before = *std::prev(next);
  return before.first + before.second->size <= offset;
}

Upload::BlockPointer Upload::begin_block(const std::string& id, std::uint64_t size) {
  refuse_after_commit();
  if (complete_.size() >= kMaxBlocks) {
    throw Exception(Errc::invalid, std::string(kDoing) + ": it has more than 50,000 blocks");
  }
  if (limit_bytes_ != 0 && (size > limit_bytes_ || held_ > limit_bytes_ - size)) {
    throw Exception(Errc::too_large, std::string(kDoing) + ": it would be larger than the " +
                                         std::to_string(limit_bytes_) + " bytes allowed here");
  }
  auto block = std::make_shared<Block>();
  block->size = size;
  usual_size_ = std::max(usual_size_, size);
  const std::uint64_t index = index_in(id);
  block->offset = index * usual_size_;
  if (size > 0 && index < kMaxBlocks && is_free(block->offset, size)) {
    places_.emplace(block->offset, block);
  } else {
    block->offset = 0;
    block->own = file_.string() + '.' + std::to_string(++own_files_);
    block->own_fd = create(block->own);
  }
  held_ += size;
  return block;
}

void Upload::write(Block& block, std::string_view bytes) {
  if (bytes.size() > block.size - block.written) {
    throw Exception(Errc::invalid, std::string(kDoing) + ": a block is longer than announced");
  }
  refuse_after_commit();
  const std::uint64_t at = block.offset + block.written;
  write_at(block.own.empty() ? fd_.get() : block.own_fd.get(), bytes, at);
  block.written += bytes.size();
  if (block.own.empty() && hash_is_good_ && at == hashed_) {
    hash_.update(bytes);
    hashed_ += bytes.size();
  }
}

void Upload::drop(const BlockPointer& block) {
  held_ -= block->size;
  if (!block->own.empty()) {
    ::unlink(block->own.c_str());
    return;
  }
  places_.erase(block->offset);
  if (hashed_ > block->offset) hash_is_good_ = false;
}

void Upload::end_block(const std::string& id, const BlockPointer& block) {
  block->own_fd.reset();
  if (committed_ || block->written != block->size) return drop(block);
  block->is_complete = true;
  BlockPointer& known = complete_[id];
  if (known) drop(known);
  known = block;
  hash_complete_blocks();
}

// Blocks that came before their turn.
void Upload::hash_complete_blocks() {
  while (hash_is_good_) {
    const auto next = places_.find(hashed_);
    if (next == places_.end() || !next->second->is_complete) return;
    hash_up_to(hashed_ + next->second->size);
  }
}

void Upload::hash_up_to(std::uint64_t end) {
  read_pieces(fd_.get(), hashed_, end - hashed_,
              [&](std::string_view bytes) { hash_.update(bytes); });
  hashed_ = end;
}

bool Upload::lies_in_order(const std::vector<BlockPointer>& blocks) const {
  std::uint64_t end = 0;
  for (const BlockPointer& block : blocks) {
    if (!block->own.empty() || block->offset != end) return false;
    end += block->size;
  }
  return true;
}

void Upload::assemble(const std::vector<BlockPointer>& blocks) {
  const std::filesystem::path beside = file_.string() + ".whole";
  core::UniqueFd whole = create(beside);
  hash_ = Sha256();
  hashed_ = 0;
  hash_is_good_ = true;
  for (const BlockPointer& block : blocks) {
    core::UniqueFd own;
    if (!block->own.empty()) {
      own.reset(::open(block->own.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
      if (!own) core::throw_errno(kDoing);
    }
    read_pieces(own ? own.get() : fd_.get(), block->offset, block->size,
                [&](std::string_view bytes) {
                  write_at(whole.get(), bytes, hashed_);
                  hash_.update(bytes);
                  hashed_ += bytes.size();
                });
  }
  if (::rename(beside.c_str(), file_.c_str()) != 0) core::throw_errno(kDoing);
  fd_ = std::move(whole);
}

void Upload::commit(const std::vector<std::string>& ids) {
  refuse_after_commit();
  std::vector<BlockPointer> blocks;
  size_ = 0;
  for (const std::string& id : ids) {
    const auto found = complete_.find(id);
    if (found == complete_.end()) {
      throw Exception(Errc::invalid,
                      std::string(kDoing) + ": the list names a block that was not uploaded");
    }
    blocks.push_back(found->second);
    size_ += found->second->size;
  }
  if (size_ > held_) {
    throw Exception(Errc::invalid, std::string(kDoing) + ": the list names blocks more than once");
  }
  if (!lies_in_order(blocks)) assemble(blocks);
  if (hashed_ > size_) hash_is_good_ = false;
  if (::ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0) core::throw_errno(kDoing);
  for (const auto& [id, block] : complete_) {
    if (!block->own.empty()) ::unlink(block->own.c_str());
  }
  committed_ = true;
  complete_.clear();
  places_.clear();
}

std::string Upload::finish() {
  if (!hash_is_good_) {
    hash_ = Sha256();
    hashed_ = 0;
    hash_is_good_ = true;
  }
  hash_up_to(size_);
  if (::fdatasync(fd_.get()) != 0) core::throw_errno(kDoing);
  Sha256 hash = hash_;  // finish() may be called again
  return to_hex(hash.finish());
}

}  // namespace gantry::daemon::runner
