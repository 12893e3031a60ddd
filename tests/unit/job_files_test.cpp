// Measuring and removing what jobs left, in real directories.

#include "output/job_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "support.h"

namespace reeve::test {
namespace {

namespace fs = std::filesystem;

const GoOn always = [] { return true; };
const std::string date = "2026-11-22_09-30-00";

class JobFilesTest : public testing::Test {
 protected:
  JobFilesTest() {
    for (const char* name : {"root", "logs", "checkpoints", "outside"})
      fs::create_directories(folder.file(name));
    places = {folder.file("logs"), folder.file("checkpoints")};
    files.id = {12};
    files.name = "train";
    files.has_ended = true;
  }

  std::string root(const std::string& below) const { return folder.file("root/" + below); }

  // A run directory with something in it, of the job.
  std::string add_run(const std::string& leaf = "train", const std::string& when = date) {
    std::string path = root(when + "/" + leaf);
    fs::create_directories(path + "/below");
    write_file(path + "/a.txt", std::string(10'000, 'a'));
    write_file(path + "/below/b.txt", "b");
    files.directories.push_back(path);
    return path;
  }
  std::string add_log() {
    fs::create_directories(folder.file("logs/0"));
    std::string path = folder.file("logs/0/12.1.5.log");
    for (const char* suffix : {"", ".idx", ".processes"})
      write_file(path + suffix, std::string(5'000, 'l'));
    files.logs.push_back(path);
    return path;
  }
  void point_latest_at(const std::string& when, const std::string& leaf) {
    fs::create_directories(root("latest"));
    fs::create_symlink("../" + when + "/" + leaf, root("latest/train"));
  }
  RetentionItem measured() { return measure_job(files, places, always); }
  FilesRemoval remove(JobParts parts = {true, true, false}) {
    return remove_job_files(files, parts, places, always);
  }

  TemporaryFolder folder;
  JobPlaces places;
  JobFiles files;
};

TEST_F(JobFilesTest, EverythingIsMeasured) {
  add_run();
  add_log();
  fs::create_directories(folder.file("checkpoints/12"));
  write_file(folder.file("checkpoints/12/state"), std::string(8'000, 'c'));
  const RetentionItem item = measured();
  EXPECT_TRUE(item.there.results);
  EXPECT_TRUE(item.there.logs);
  EXPECT_GE(item.results_bytes, 18'000);
  EXPECT_LT(item.results_bytes, 80'000);
  EXPECT_GE(item.log_bytes, 15'000);
  EXPECT_FALSE(item.is_latest);
}

TEST_F(JobFilesTest, NothingThereIsNothing) {
  files.directories = {root(date + "/gone"), "/etc", "relative"};
  files.logs = {folder.file("logs/0/12.1.5.log"), "/etc/passwd"};
  const RetentionItem item = measured();
  EXPECT_FALSE(item.there.results);
  EXPECT_FALSE(item.there.logs);
  EXPECT_EQ(item.results_bytes + item.log_bytes, 0);
  EXPECT_EQ(remove().left, "");
  EXPECT_TRUE(fs::exists("/etc/passwd"));
}

TEST_F(JobFilesTest, EverythingGoes) {
  const std::string run = add_run();
  const std::string log = add_log();
  fs::create_directories(folder.file("checkpoints/12/deep"));
  fs::create_directories(root(".staging/12.2"));
  write_file(root(".staging/12.2/half"), "half");
  files.directories.push_back(root(".staging/12.2"));
  const FilesRemoval removal = remove();
  EXPECT_TRUE(removal.is_done);
  EXPECT_EQ(removal.left, "");
  EXPECT_GT(removal.bytes, 10'000);
  EXPECT_FALSE(fs::exists(root(date))) << "an empty date goes, too";
  EXPECT_FALSE(fs::exists(root(".staging/12.2")));
  EXPECT_FALSE(fs::exists(folder.file("checkpoints/12")));
  for (const char* suffix : {"", ".idx", ".processes"}) EXPECT_FALSE(fs::exists(log + suffix));
  EXPECT_TRUE(fs::is_empty(root(".staging")));
}

TEST_F(JobFilesTest, OnlyThePartsThatWereAskedForGo) {
  const std::string run = add_run();
  const std::string log = add_log();
  (void)remove({false, true, false});
  EXPECT_TRUE(fs::exists(run));
  EXPECT_FALSE(fs::exists(log));
}

TEST_F(JobFilesTest, OthersInTheSameDateStay) {
  add_run();
  write_file(root(date + "/note.txt"), "a person's");
  (void)remove();
  EXPECT_FALSE(fs::exists(root(date + "/train")));
  EXPECT_TRUE(fs::exists(root(date + "/note.txt")));
}

TEST_F(JobFilesTest, WhatLatestPointsAtStays) {
  const std::string run = add_run();
  point_latest_at(date, "train");
  EXPECT_TRUE(measured().is_latest);
  const FilesRemoval removal = remove();
  EXPECT_NE(removal.left.find("latest"), std::string::npos);
  EXPECT_TRUE(fs::exists(run + "/a.txt"));
}

TEST_F(JobFilesTest, LatestOfAnotherRunProtectsNothing) {
  add_run();
  point_latest_at("2027-01-01_00-00-00", "train");
  EXPECT_FALSE(measured().is_latest);
  EXPECT_EQ(remove().left, "");
}

TEST_F(JobFilesTest, LinksAreRemovedAndNeverFollowed) {
  const std::string run = add_run();
  write_file(folder.file("outside/precious"), "precious");
  fs::create_directory_symlink(folder.file("outside"), run + "/link");
  fs::create_symlink(folder.file("outside/precious"), run + "/file");
  fs::create_symlink("/", run + "/root");
  fs::create_symlink("loop", run + "/loop");
  EXPECT_LT(measured().results_bytes, 60'000);
  EXPECT_EQ(remove().left, "");
  EXPECT_FALSE(fs::exists(run));
  EXPECT_EQ(read_file(folder.file("outside/precious")), "precious");
}

TEST_F(JobFilesTest, LinkInThePlaceOfResultsIsLeft) {
  write_file(folder.file("outside/precious"), "precious");
  fs::create_directories(root(date));
  fs::create_directory_symlink(folder.file("outside"), root(date + "/train"));
  files.directories = {root(date + "/train")};
  const FilesRemoval removal = remove();
  EXPECT_NE(removal.left.find("no directory"), std::string::npos) << removal.left;
  EXPECT_EQ(read_file(folder.file("outside/precious")), "precious");
  EXPECT_TRUE(fs::is_symlink(root(date + "/train")));
}

TEST_F(JobFilesTest, LinkInThePlaceOfADateIsLeft) {
  fs::create_directories(folder.file("outside/train"));
  write_file(folder.file("outside/train/precious"), "precious");
  fs::create_directory_symlink(folder.file("outside"), root(date));
  files.directories = {root(date + "/train")};
  EXPECT_FALSE(measured().there.results);
  EXPECT_NE(remove().left, "");
  EXPECT_EQ(read_file(folder.file("outside/train/precious")), "precious");
}

TEST_F(JobFilesTest, HostileNamesGo) {
  const std::string run = add_run();
  for (const char* name : {"-rf", "*", " ", "\n", "a\tb", "\xff\xfe", "..x", "...", "\x1b[2J"})
    write_file(run + "/" + name, "x");
  fs::create_directories(run + "/-r/..-/ ");
  write_file(run + "/" + std::string(255, 'n'), "x");
  EXPECT_EQ(remove().left, "");
  EXPECT_FALSE(fs::exists(run));
}

TEST_F(JobFilesTest, TreeOfAnyDepthGoes) {
  const std::string run = add_run();
  Fd here(::open(run.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int level = 0; level < 2000; ++level) {
    ASSERT_EQ(::mkdirat(here.get(), "d", 0700), 0);
    const int next = ::openat(here.get(), "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    here.reset(next);
  }
  here.reset();
  EXPECT_GT(measured().results_bytes, 0);
  EXPECT_EQ(remove().left, "");
  EXPECT_FALSE(fs::exists(run));
}

TEST_F(JobFilesTest, DirectoriesWithoutRightsGo) {
  const std::string run = add_run();
  fs::create_directories(run + "/closed/inner");
  write_file(run + "/closed/inner/x", "x");
  ::chmod((run + "/closed/inner").c_str(), 0);
  ::chmod((run + "/closed").c_str(), 0500);
  // As the user that jobs run as: root has all rights.
  const auto remove_as_user = [&] {
    if (::geteuid() == 0) {
      for (const auto& path : {folder.path(), root(""), root(date), run, run + "/closed"})
        if (::chown(path.c_str(), 65534, 65534) != 0) return 2;
      fs::recursive_directory_iterator all(folder.path());
      for (const auto& entry : all)
        if (::lchown(entry.path().c_str(), 65534, 65534) != 0) return 2;
      if (::setgid(65534) != 0 || ::setuid(65534) != 0) return 2;
    }
    return remove().left.empty() ? 0 : 1;
  };
  EXPECT_EQ(status_of_child(remove_as_user), 0);
  EXPECT_FALSE(fs::exists(run));
}

TEST_F(JobFilesTest, RemovalThatWasCutShortIsFinishedByTheNext) {
  const std::string run = add_run();
  for (int i = 0; i < 50; ++i) write_file(run + "/f" + std::to_string(i), "x");
  int cuts = 0;
  while (true) {
    int left = 5;
    const FilesRemoval removal =
        remove_job_files(files, {true, true, false}, places, [&] { return --left >= 0; });
    EXPECT_FALSE(fs::exists(run)) << "nobody sees a half of it";
    if (removal.is_done) break;
    ASSERT_LT(++cuts, 100);
  }
  EXPECT_GT(cuts, 5);
  EXPECT_TRUE(fs::is_empty(root(".staging")));
}

TEST_F(JobFilesTest, SecondNameElsewhereIsNotCountedAsFreed) {
  const std::string run = add_run();
  write_file(folder.file("outside/big"), std::string(1'000'000, 'x'));
  fs::create_hard_link(folder.file("outside/big"), run + "/big");
  EXPECT_LT(measured().results_bytes, 100'000);
  EXPECT_LT(remove().bytes, 100'000);
  EXPECT_EQ(fs::file_size(folder.file("outside/big")), 1'000'000U);
}

TEST_F(JobFilesTest, DirectoriesThatNoJobMadeAreNamed) {
  const std::string run = add_run();
  fs::create_directories(root(date + "/stranger"));
  fs::create_directories(root("2020-01-01_00-00-00/old"));
  fs::create_directories(root("papers/mine"));
  write_file(root("2020-01-01_00-00-00/file"), "x");
  const auto unknown = find_unknown_runs(folder.file("root"), {run}, 10);
  EXPECT_EQ(unknown,
            (std::vector<std::string>{root("2020-01-01_00-00-00/old"), root(date + "/stranger")}));
  EXPECT_EQ(find_unknown_runs(folder.file("root"), {run}, 1).size(), 1U);
  EXPECT_TRUE(find_unknown_runs(folder.file("none"), {}, 10).empty());
}

TEST_F(JobFilesTest, EmptyStagingDirectoryIsNothing) {
  fs::create_directories(root(".staging/12.1"));
  files.directories = {root(".staging/12.1")};
  EXPECT_FALSE(measured().there.results);
}

}  // namespace
}  // namespace reeve::test
