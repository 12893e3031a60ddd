// Who may decide whether a start's command runs.

#include "keeper/permit.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "support.h"

namespace reeve::test {
namespace {

class PermitTest : public testing::Test {
 protected:
  PermitTest() {
    const std::string path = folder.file("permits");
    table.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    EXPECT_EQ(::ftruncate(table.get(), permit_table_bytes), 0);
  }
  Verdict decide(std::int64_t start, Verdict wish) {
    return Permit(table.get(), start).decide(wish).value();
  }

  TemporaryFolder folder;
  Fd table;
};

TEST_F(PermitTest, FirstDecisionStands) {
  EXPECT_EQ(decide(7, Verdict::taken), Verdict::taken);
  EXPECT_EQ(decide(7, Verdict::voided), Verdict::taken);
  EXPECT_EQ(decide(8, Verdict::voided), Verdict::voided);
  EXPECT_EQ(decide(8, Verdict::taken), Verdict::voided);
}

TEST_F(PermitTest, LaterStartInTheSameSlotIsDecidedAnew) {
  EXPECT_EQ(decide(7, Verdict::taken), Verdict::taken);
  EXPECT_EQ(decide(7 + permit_slots, Verdict::voided), Verdict::voided);
  EXPECT_EQ(decide(7 + permit_slots, Verdict::taken), Verdict::voided);
}

TEST_F(PermitTest, SlotThatSomebodyHoldsIsToldAndNotGiven) {
  Permit ours(table.get(), 7);
  ASSERT_TRUE(ours.lock());
  EXPECT_EQ(ours.holder(), 0) << "locks of our own are no stranger's";
  EXPECT_EQ(status_of_child([&] {
              Permit theirs(table.get(), 7);
              if (theirs.lock()) return 1;
              if (theirs.holder() != ::getppid()) return 2;
              return Permit(table.get(), 8).lock() ? 0 : 3;
            }),
            0);
  ours.unlock();
  EXPECT_EQ(status_of_child([&] { return Permit(table.get(), 7).lock() ? 0 : 1; }), 0);
  EXPECT_EQ(ours.holder(), 0) << "the lock ends with its process";
}

TEST_F(PermitTest, TableThatIsTooShortIsAnError) {
  ASSERT_EQ(::ftruncate(table.get(), 8), 0);
  EXPECT_FALSE(Permit(table.get(), 7).decide(Verdict::taken));
}

}  // namespace
}  // namespace reeve::test
