// SPDX-License-Identifier: MIT
// A blob while a job uploads it: blocks in any order and at the same time, then their list; or the
// whole at once. Blocks go to their likely place in one file and are hashed as they come in order,
// so that the usual upload is neither copied nor read again. Nothing here is known to anyone until
// finish(); the file goes with the job's folder. Blocking; one thread at a time.
#pragma once

#include "core/base/unique_fd.hpp"
#include "daemon/runner/sha256.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::daemon::runner {

class Upload {
 public:
  // Where a block goes; given by begin_block, to be ended once.
  struct Block {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    std::uint64_t written = 0;
    bool is_complete = false;
    std::filesystem::path own;  // its own file, where its place was taken; else ""
    core::UniqueFd own_fd;      // while it is written
  };
  using BlockPointer = std::shared_ptr<Block>;  // shared with the request that fills it

  // `file` must not exist; it is removed with this unless taken. All blocks together have at most
  // `limit_bytes`; 0: no limit.
  explicit Upload(std::filesystem::path file, std::uint64_t limit_bytes = 0);
  ~Upload();
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  // Throws Errc::too_large over the limit.
  BlockPointer begin_block(const std::string& id, std::uint64_t size);
  void write(Block& block, std::string_view bytes);
  // A block that did not come whole is forgotten; one of the same id is replaced.
  void end_block(const std::string& id, const BlockPointer& block);

  // The blob is these blocks, in this order. Throws Errc::invalid for one that is not there, or
  // when they are named so often that the blob would be larger than what was uploaded.
  void commit(const std::vector<std::string>& ids);
  bool is_committed() const { return committed_; }
  std::uint64_t size() const { return size_; }
  // Makes it durable and gives the hex of its SHA-256. After commit().
  std::string finish();
  const std::filesystem::path& file() const { return file_; }

 private:
  bool is_free(std::uint64_t offset, std::uint64_t size) const;
  bool lies_in_order(const std::vector<BlockPointer>& blocks) const;
  void assemble(const std::vector<BlockPointer>& blocks);
  void hash_up_to(std::uint64_t end);
  void hash_complete_blocks();
  void drop(const BlockPointer& block);
  void refuse_after_commit() const;

  std::filesystem::path file_;
  std::uint64_t limit_bytes_;
  core::UniqueFd fd_;
  std::map<std::string, BlockPointer> complete_;  // by id
  std::map<std::uint64_t, BlockPointer> places_;  // in the file, by offset
  std::uint64_t own_files_ = 0;                   // made so far
  std::uint64_t usual_size_ = 0;                  // of blocks
  std::uint64_t held_ = 0;                        // by all blocks
  Sha256 hash_;                                   // of the first hashed_ bytes of the file
  std::uint64_t hashed_ = 0;
  bool hash_is_good_ = true;
  bool committed_ = false;
  std::uint64_t size_ = 0;
};

}  // namespace gantry::daemon::runner
