// SPDX-License-Identifier: MIT
// Owning handles and error translation for libgit2. Included by gantry-git's own .cpp files only.
#pragma once

#include "core/base/error.hpp"

#include <git2.h>
#if __has_include(<git2/sys/errors.h>)
#include <git2/sys/errors.h>  // where libgit2 1.8 moved what sets errors
#endif

#include <memory>
#include <string>
#include <string_view>

namespace gantry::daemon::git {

template <auto Release>
struct Releaser {
  template <class T>
  void operator()(T* object) const {
    Release(object);
  }
};
template <class T, auto Release>
using Handle = std::unique_ptr<T, Releaser<Release>>;

using RepositoryHandle = Handle<git_repository, git_repository_free>;
using RemoteHandle = Handle<git_remote, git_remote_free>;
using ReferenceHandle = Handle<git_reference, git_reference_free>;
using ReferenceIteratorHandle = Handle<git_reference_iterator, git_reference_iterator_free>;
using ObjectHandle = Handle<git_object, git_object_free>;
using CommitHandle = Handle<git_commit, git_commit_free>;
using TreeHandle = Handle<git_tree, git_tree_free>;
using TreeEntryHandle = Handle<git_tree_entry, git_tree_entry_free>;
using BlobHandle = Handle<git_blob, git_blob_free>;
using DiffHandle = Handle<git_diff, git_diff_free>;
using RevwalkHandle = Handle<git_revwalk, git_revwalk_free>;
using IndexHandle = Handle<git_index, git_index_free>;
using PackBuilderHandle = Handle<git_packbuilder, git_packbuilder_free>;
using OdbHandle = Handle<git_odb, git_odb_free>;

// Throws "doing: <libgit2's words>" with a code that fits.
[[noreturn]] void throw_git_error(int code, std::string_view doing);

inline void check(int code, std::string_view doing) {
  if (code < 0) throw_git_error(code, doing);
}

// auto tree = acquire<TreeHandle>("reading the tree", git_commit_tree, commit.get());
template <class H, class Function, class... Arguments>
H acquire(std::string_view doing, Function function, Arguments... arguments) {
  typename H::pointer object = nullptr;
  check(function(&object, arguments...), doing);
  return H(object);
}

std::string to_hex(const git_oid& id);
// Exactly 40 hex digits, or Errc::invalid.
git_oid to_oid(std::string_view sha);

// Process-wide settings; call once before anything else.
void initialise_libgit2();

}  // namespace gantry::daemon::git
