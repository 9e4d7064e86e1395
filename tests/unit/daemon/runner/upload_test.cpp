// SPDX-License-Identifier: MIT
#include "daemon/runner/services/upload.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/text.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace gantry;
using namespace gantry::daemon::runner;

namespace {

std::string sha256(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return to_hex(hash.finish());
}

// As the official clients name their blocks.
std::string block_id(int index) {
  std::string number = std::to_string(index);
  return "4760ff26-5984-4806-b16b-5b236199c274" + std::string(12 - number.size(), '0') + number;
}

std::string random_bytes(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes)
    byte = static_cast<char>(random());
  return bytes;
}

struct Uploading {
  core::TempDir dir;
  Upload upload{dir.path() / "1"};

  void put(const std::string& id, std::string_view bytes) {
    const auto block = upload.begin_block(id, bytes.size());
    for (std::size_t at = 0; at < bytes.size(); at += 1000)
      upload.write(*block, bytes.substr(at, 1000));
    upload.end_block(id, block);
  }
  void check_holds(const std::string& bytes) {
    CHECK(upload.size() == bytes.size());
    CHECK(upload.finish() == sha256(bytes));
    CHECK(core::read_file(dir.path() / "1") == bytes);
    CHECK(upload.finish() == sha256(bytes));
  }
  std::size_t files() const {
    const core::fs::directory_iterator all(dir.path());
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }
};

}  // namespace

TEST_CASE("sha256: the vectors of FIPS 180, in one piece and in many") {
  CHECK(sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  const std::string million(1'000'000, 'a');
  CHECK(sha256(million) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  Sha256 hash;
  for (std::size_t at = 0; at < million.size(); at += 137)
    hash.update(std::string_view(million).substr(at, 137));
  CHECK(to_hex(hash.finish()) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("upload: blocks in every order give the bytes in the order of the list") {
  const std::string bytes = random_bytes(10'500, 1);
  const std::vector<std::vector<int>> orders = {
      {0, 1, 2, 3, 4, 5}, {5, 4, 3, 2, 1, 0}, {3, 0, 5, 1, 4, 2}, {1, 0, 3, 2, 5, 4}};
  for (const auto& order : orders) {
    Uploading u;
    for (const int i : order)
      u.put(block_id(i), std::string_view(bytes).substr(static_cast<std::size_t>(i) * 2000, 2000));
    std::vector<std::string> ids;
    for (int i = 0; i < 6; ++i)
      ids.push_back(block_id(i));
    u.upload.commit(ids);
    u.check_holds(bytes);
    CHECK(u.files() == 1);
  }
}

TEST_CASE("upload: the list decides, whatever the ids look like") {
  Uploading u;
  u.put("zebra", "one ");
  u.put("999999999999", "two ");
  u.put("a\x01", "three ");
  u.put("unused", "never");
  u.upload.commit({"a\x01", "zebra", "999999999999", "zebra"});
  u.check_holds("three one two one ");
  CHECK(u.files() == 1);
}

TEST_CASE("upload: a block sent again replaces the first; one that broke off is forgotten") {
  Uploading u;
  u.put(block_id(0), "first");
  const auto broken = u.upload.begin_block(block_id(1), 6);
  u.upload.write(*broken, "bro");
  u.upload.end_block(block_id(1), broken);
  CHECK_THROWS_AS(u.upload.commit({block_id(0), block_id(1)}), core::Exception);
  u.put(block_id(1), "second");
  u.put(block_id(0), "FIRST");
  u.upload.commit({block_id(0), block_id(1)});
  u.check_holds("FIRSTsecond");
}

TEST_CASE("upload: the whole at once, and nothing at all") {
  Uploading whole;
  whole.put("", "all of it");
  whole.upload.commit({""});
  whole.check_holds("all of it");
  Uploading empty;
  empty.put("", "");
  empty.upload.commit({""});
  empty.check_holds("");
  Uploading none;
  none.upload.commit({});
  none.check_holds("");
}

TEST_CASE("upload: nothing changes after the list, and no block is longer than it said") {
  Uploading u;
  u.put(block_id(0), "data");
  const auto late = u.upload.begin_block(block_id(1), 4);
  CHECK_THROWS_AS(u.upload.write(*late, "12345"), core::Exception);
  u.upload.commit({block_id(0)});
  CHECK_THROWS_AS(u.upload.write(*late, "1234"), core::Exception);
  CHECK_THROWS_AS(u.upload.begin_block(block_id(2), 1), core::Exception);
  CHECK_THROWS_AS(u.upload.commit({block_id(0)}), core::Exception);
  u.upload.end_block(block_id(1), late);
  u.check_holds("data");
}

TEST_CASE("upload: a list cannot make more of the blocks than was uploaded") {
  Uploading u;
  u.put(block_id(0), "0123456789");
  u.put(block_id(1), "ab");
  const std::vector<std::string> often(1000, block_id(0));
  CHECK_THROWS_WITH_AS(u.upload.commit(often),
                       "storing an upload: the list names blocks more than once", core::Exception);
  CHECK_FALSE(u.upload.is_committed());
  u.upload.commit({block_id(0), block_id(1)});
  u.check_holds("0123456789ab");
}

TEST_CASE("upload: all blocks together keep to the limit, also those under way") {
  const core::TempDir dir;
  Upload upload(dir.path() / "1", 10);
  const auto first = upload.begin_block("a", 6);
  CHECK_THROWS_WITH_AS(upload.begin_block("b", 5),
                       "storing an upload: it would be larger than the 10 bytes allowed here",
                       core::Exception);
  CHECK_THROWS_AS(upload.begin_block("b", ~std::uint64_t{0}), core::Exception);
  upload.end_block("a", first);  // came to nothing: its room is free again
  CHECK_NOTHROW(upload.begin_block("b", 10));
}

TEST_CASE("upload: what nobody took is removed") {
  const core::TempDir dir;
  {
    Upload upload(dir.path() / "1");
    for (const char* id : {"a", "b", "c"}) {
      const auto block = upload.begin_block(id, 3);
      upload.write(*block, "abc");
      upload.end_block(id, block);
    }
  }
  CHECK(core::fs::is_empty(dir.path()));
}
