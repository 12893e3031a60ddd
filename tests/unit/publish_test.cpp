// Results go into place whole, or not at all.

#include "output/publish.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "support.h"

namespace reeve::test {
namespace {

namespace fs = std::filesystem;
using Kind = PublishOutcome::Kind;

class Publish : public testing::Test {
 protected:
  Publish() {
    fs::create_directories(order.staging + "/deep/er");
    write_file(order.staging + "/model.bin", "weights");
    write_file(order.staging + "/deep/er/log", "text");
  }
  [[nodiscard]] bool is_in_place() const {
    return read_file(order.target + "/model.bin") == "weights" &&
           read_file(order.target + "/deep/er/log") == "text";
  }

  TemporaryFolder folder;
  std::string root = folder.file("results");
  PublishOrder order{{{12}, 1, 1},
                     root + "/.staging/12.1",
                     root + "/2026-11-22_09-30-00/train",
                     root + "/latest/train"};
};

TEST_F(Publish, StagedResultsAreMovedAsAWhole) {
  const PublishOutcome outcome = publish(order);
  EXPECT_EQ(outcome.kind, Kind::published);
  EXPECT_EQ(outcome.text, order.target);
  EXPECT_EQ(outcome.key, order.key);
  EXPECT_TRUE(is_in_place());
  EXPECT_FALSE(fs::exists(order.staging));
}

TEST_F(Publish, LatestLeadsToTheNewest) {
  (void)publish(order);
  EXPECT_EQ(fs::read_symlink(order.latest), "../2026-11-22_09-30-00/train");
  EXPECT_EQ(read_file(order.latest + "/model.bin"), "weights");

  PublishOrder second = order;
  second.target = root + "/2026-11-22_10-00-00/train";
  fs::create_directories(second.staging);
  write_file(second.staging + "/model.bin", "better");
  EXPECT_EQ(publish(second).kind, Kind::published);
  EXPECT_EQ(read_file(order.latest + "/model.bin"), "better");
  EXPECT_TRUE(is_in_place()) << "the first stays";
}

TEST_F(Publish, TakenDirectoryIsNeverReplaced) {
  for (const bool is_empty : {true, false}) {
    fs::create_directories(order.target);
    if (!is_empty) write_file(order.target + "/theirs", "x");
    EXPECT_EQ(publish(order).kind, Kind::taken);
    EXPECT_EQ(read_file(order.staging + "/model.bin"), "weights");
  }
  EXPECT_EQ(read_file(order.target + "/theirs"), "x");
  EXPECT_FALSE(fs::exists(order.target + "/model.bin"));
}

TEST_F(Publish, FileOrDanglingLinkInTheWayIsNotReplacedEither) {
  fs::create_directories(fs::path(order.target).parent_path());
  fs::create_symlink("/nowhere", order.target);
  EXPECT_EQ(publish(order).kind, Kind::taken);
  EXPECT_EQ(fs::read_symlink(order.target), "/nowhere");
  fs::remove(order.target);
  write_file(order.target, "x");
  EXPECT_EQ(publish(order).kind, Kind::taken);
  EXPECT_EQ(read_file(order.target), "x");
}

// What a crash can leave: the run directory made, the rename done, the link half made.
TEST_F(Publish, RepeatingAfterACrashAtAnyStepGivesTheSame) {
  fs::create_directories(fs::path(order.target).parent_path());
  EXPECT_EQ(publish(order).kind, Kind::published);
  EXPECT_TRUE(is_in_place());

  fs::remove(order.latest);
  fs::create_symlink("../half", fs::path(order.latest).parent_path() / ".new-12");
  const PublishOutcome again = publish(order);
  EXPECT_EQ(again.kind, Kind::published);
  EXPECT_EQ(again.text, order.target);
  EXPECT_TRUE(is_in_place());
  EXPECT_EQ(read_file(order.latest + "/model.bin"), "weights");
  EXPECT_EQ(std::distance(fs::directory_iterator(fs::path(order.latest).parent_path()), {}), 1);
}

TEST_F(Publish, NothingStagedAndNothingInPlaceIsAFailure) {
  fs::remove_all(order.staging);
  const PublishOutcome outcome = publish(order);
  EXPECT_EQ(outcome.kind, Kind::failed);
  EXPECT_NE(outcome.text.find("find the staged results"), std::string::npos);
}

TEST_F(Publish, LinkInThePlaceOfTheStagingDirectoryIsRefused) {
  const std::string elsewhere = folder.file("elsewhere");
  fs::rename(order.staging, elsewhere);
  fs::create_directory_symlink(elsewhere, order.staging);
  EXPECT_EQ(publish(order).kind, Kind::failed);
  EXPECT_FALSE(fs::exists(order.target));
  EXPECT_EQ(read_file(elsewhere + "/model.bin"), "weights");
}

TEST_F(Publish, FileInThePlaceOfTheStagingDirectoryIsRefused) {
  fs::remove_all(order.staging);
  write_file(order.staging, "x");
  EXPECT_EQ(publish(order).kind, Kind::failed);
  EXPECT_FALSE(fs::exists(order.target));
}

TEST_F(Publish, RootThatIsAFileIsAFailureThatNamesTheTarget) {
  order.target = folder.file("file") + "/run/train";
  write_file(folder.file("file"), "x");
  const PublishOutcome outcome = publish(order);
  EXPECT_EQ(outcome.kind, Kind::failed);
  EXPECT_NE(outcome.text.find(order.target), std::string::npos);
  EXPECT_EQ(read_file(order.staging + "/model.bin"), "weights");
}

TEST_F(Publish, DirectoryInThePlaceOfTheLinkLeavesTheResultsPublished) {
  fs::create_directories(order.latest + "/mine");
  EXPECT_EQ(publish(order).kind, Kind::published);
  EXPECT_TRUE(is_in_place());
  EXPECT_TRUE(fs::is_directory(order.latest + "/mine"));
  EXPECT_EQ(std::distance(fs::directory_iterator(fs::path(order.latest).parent_path()), {}), 1);
}

TEST_F(Publish, OddEntriesAreMovedAsTheyAre) {
  ASSERT_EQ(::mkfifo((order.staging + "/fifo").c_str(), 0600), 0);
  fs::create_symlink("/nowhere", order.staging + "/link");
  fs::create_symlink("deep", order.staging + "/loop");
  EXPECT_EQ(publish(order).kind, Kind::published);
  EXPECT_TRUE(fs::is_fifo(order.target + "/fifo"));
  EXPECT_EQ(fs::read_symlink(order.target + "/link"), "/nowhere");
}

}  // namespace
}  // namespace reeve::test
