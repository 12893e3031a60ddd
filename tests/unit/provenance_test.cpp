// What ran: code, machine and Python, as recorded and as compared.

#include "core/provenance.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "cli/code_state.h"
#include "cli/provenance.h"
#include "core/launch_context.h"
#include "support.h"

namespace reeve::test {
namespace {

const std::string commit(40, 'a');
const std::string other_commit(40, 'b');

CodeState clean(const std::string& of = commit) {
  return {"/work", of, "main", true, "", false, {}, false};
}

// A work tree as far as reading its head goes.
class WorkTree : public testing::Test {
 protected:
  void make(const std::string& directory) { ::mkdir(folder.file(directory).c_str(), 0700); }
  void put(const std::string& file, const std::string& text) {
    write_file(folder.file(file), text);
  }
  WorkTree() {
    for (const char* directory :
         {".git", ".git/refs", ".git/refs/heads", ".git/refs/heads/feature", "a", "a/b"})
      make(directory);
    put(".git/HEAD", "ref: refs/heads/feature/x\n");
  }
  TemporaryFolder folder;
};

TEST(Provenance, EachFieldComesBack) {
  const Provenance from{"host",
                        "ann",
                        "Linux 6",
                        "1.0",
                        "/venv",
                        "/conda",
                        "3.11.2",
                        {{"/w", commit, "main", true, "diff \xff", true, {"a b", "c"}, true},
                         {"/v", "", "", false, "", false, {}, false}}};
  const auto back = provenance_from_text(to_text(from));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(to_text(*back), to_text(from));
  EXPECT_EQ(back->code[0].diff, "diff \xff");
  EXPECT_FALSE(provenance_from_text("{\"host\": 1}"));
  EXPECT_FALSE(provenance_from_text("no JSON"));
}

TEST(Provenance, TravelsWithTheContext) {
  const std::string joined = join_recorded({"context", "provenance"});
  const auto both = split_recorded(joined);
  EXPECT_EQ(both.context, "context");
  EXPECT_EQ(both.provenance, "provenance");
  EXPECT_EQ(join_recorded({"context", ""}), "context");
  EXPECT_EQ(split_recorded("context").provenance, "");
}

TEST(Provenance, InnermostWorkTreeIsTheCodeOfADirectory) {
  Provenance from;
  for (const char* root : {"/a", "/a/b", "/a/bc"})
    from.code.push_back({root, "", "", {}, "", {}, {}, {}});
  const auto root_of = [&](std::string_view directory) {
    const CodeState* code = find_code(from, directory);
    return code == nullptr ? "none" : code->root;
  };
  EXPECT_EQ(root_of("/a"), "/a");
  EXPECT_EQ(root_of("/a/b/c"), "/a/b");
  EXPECT_EQ(root_of("/a/bd"), "/a");
  EXPECT_EQ(root_of("/ab"), "none");
  EXPECT_EQ(root_of("/"), "none");
}

TEST(Provenance, SameCodeHasNotChanged) {
  EXPECT_FALSE(describe_change(clean(), clean()));
  CodeState dirty = clean();
  dirty.diff = "diff";
  EXPECT_FALSE(describe_change(dirty, dirty));
}

TEST(Provenance, ChangeNamesBothCommits) {
  EXPECT_EQ(describe_change(clean(), clean(other_commit)),
            "commit aaaaaaaaaaaa then, bbbbbbbbbbbb now");
  EXPECT_EQ(describe_change(clean(""), clean()), "commit none then, aaaaaaaaaaaa now");
  CodeState dirty = clean();
  dirty.diff = "diff";
  EXPECT_EQ(describe_change(clean(), dirty),
            "commit aaaaaaaaaaaa then, aaaaaaaaaaaa now, and the uncommitted changes differ");
  CodeState littered = clean();
  littered.untracked = {"new.py"};
  EXPECT_EQ(describe_change(clean(), littered),
            "commit aaaaaaaaaaaa then, aaaaaaaaaaaa now, and the untracked files differ");
}

TEST(Provenance, UnknownChangesAreNotCompared) {
  CodeState dirty = clean();
  dirty.diff = "diff";
  CodeState unknown = clean();
  unknown.changes_known = false;
  EXPECT_FALSE(describe_change(dirty, unknown));
  EXPECT_FALSE(describe_change(unknown, dirty));
}

TEST(Provenance, DiffIsSummarised) {
  const DiffSummary sum = summarise_diff(
      "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1,2 @@\n-old\n+new\n+++more\n"
      "diff --git a/y b/y\n--- a/y\n+++ b/y\n@@ -1 +0,0 @@\n-gone");
  EXPECT_EQ(sum.files, 2);
  EXPECT_EQ(sum.added, 2);
  EXPECT_EQ(sum.removed, 2);
  EXPECT_EQ(summarise_diff("").files, 0);
}

TEST_F(WorkTree, IsFoundFromWithin) {
  EXPECT_EQ(cli::find_work_tree(folder.file("a/b")), folder.path());
  EXPECT_EQ(cli::find_work_tree(folder.file("a/b/not/there/")), folder.path());
  EXPECT_EQ(cli::find_work_tree(folder.path()), folder.path());
  EXPECT_EQ(cli::find_work_tree("/"), std::nullopt);
}

TEST_F(WorkTree, DirectoryNamedGitAloneIsNone) {
  make("a/.git");
  EXPECT_EQ(cli::find_work_tree(folder.file("a")), folder.path());
}

TEST_F(WorkTree, LooseReferenceTellsTheCommit) {
  put(".git/refs/heads/feature/x", commit + "\n");
  put(".git/packed-refs", other_commit + " refs/heads/feature/x\n");
  const CodeState code = cli::read_head(folder.path());
  EXPECT_EQ(code.commit, commit);
  EXPECT_EQ(code.branch, "feature/x");
}

TEST_F(WorkTree, PackedReferenceTellsTheCommit) {
  put(".git/packed-refs", "# pack-refs with: peeled\n" + other_commit +
                              " refs/heads/other/feature/x\n" + commit +
                              " refs/heads/feature/x\n^" + other_commit + "\n");
  EXPECT_EQ(cli::read_head(folder.path()).commit, commit);
}

TEST_F(WorkTree, DetachedHeadHasNoBranch) {
  put(".git/HEAD", commit + "\n");
  const CodeState code = cli::read_head(folder.path());
  EXPECT_EQ(code.commit, commit);
  EXPECT_EQ(code.branch, "");
}

TEST_F(WorkTree, BranchWithoutACommitHasNone) {
  const CodeState code = cli::read_head(folder.path());
  EXPECT_EQ(code.commit, "");
  EXPECT_EQ(code.branch, "feature/x");
}

TEST_F(WorkTree, FurtherWorkTreeSharesReferences) {
  make(".git/worktrees");
  make(".git/worktrees/w");
  put("a/.git", "gitdir: ../.git/worktrees/w\n");
  put(".git/worktrees/w/HEAD", "ref: refs/heads/main\n");
  put(".git/worktrees/w/commondir", "../..\n");
  put(".git/refs/heads/main", commit + "\n");
  EXPECT_EQ(cli::find_work_tree(folder.file("a/b")), folder.file("a"));
  const CodeState code = cli::read_head(folder.file("a"));
  EXPECT_EQ(code.commit, commit);
  EXPECT_EQ(code.branch, "main");
}

TEST(PythonVersion, IsToldByTheEnvironmentsFiles) {
  const TemporaryFolder folder;
  write_file(folder.file("pyvenv.cfg"), "home = /usr/bin\nversion = 3.11.2\n");
  EXPECT_EQ(cli::python_version(folder.path(), ""), "3.11.2");
  write_file(folder.file("pyvenv.cfg"), "version_info = 3.12.1.final.0\n");
  EXPECT_EQ(cli::python_version(folder.path(), ""), "3.12.1");
  ::mkdir(folder.file("conda-meta").c_str(), 0700);
  write_file(folder.file("conda-meta/python-dateutil-2.8-0.json"), "{}");
  write_file(folder.file("conda-meta/python-3.10.4-h0_0.json"), "{}");
  EXPECT_EQ(cli::python_version("", folder.path()), "3.10.4");
  EXPECT_EQ(cli::python_version("", ""), "");
}

}  // namespace
}  // namespace reeve::test
