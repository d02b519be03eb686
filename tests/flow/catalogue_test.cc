// SPDX-License-Identifier: Apache-2.0
#include "flow/discover/catalogue.h"

#include <gtest/gtest.h>

#include "memory_disk.h"

namespace sluice {
namespace {

using Kind = CatalogueEvent::Kind;

PathRules rules(const std::vector<std::string>& paths,
                const std::vector<std::string>& exclude = {}) {
  auto compiled = PathRules::compile(paths, exclude);
  SLUICE_CHECK(compiled.ok(), "the patterns of a test are well formed");
  return std::move(*compiled);
}

std::vector<PathRules> one(const std::vector<std::string>& paths) {
  std::vector<PathRules> all;
  all.push_back(rules(paths));
  return all;
}

std::string text_of(const CatalogueEvent& event) {
  static const char* const names[] = {"appeared",  "moved",         "gone",    "written",
                                      "passed",    "vanished",      "special", "unreadable",
                                      "unwatched", "dir unreadable"};
  const std::string more = event.kind == Kind::kPassed ? " " + event.found_at
                           : event.files > 1           ? " x" + std::to_string(event.files)
                                                       : "";
  return std::string(names[static_cast<size_t>(event.kind)]) + " " + event.path + more;
}

class CatalogueTest : public testing::Test {
 protected:
  void follow(std::vector<PathRules> sources) {
    catalogue_ = std::make_unique<Catalogue>(disk_, disk_, std::move(sources));
  }
  // What a full comparison finds, sorted.
  std::vector<std::string> reconcile() {
    events_.clear();
    catalogue_->reconcile(events_);
    return texts();
  }
  // What the hints since the last call lead to, sorted.
  std::vector<std::string> notice() {
    std::vector<DirectoryChange> changes;
    disk_.poll(changes);
    events_.clear();
    catalogue_->notice(changes, events_);
    return texts();
  }
  std::vector<std::string> texts() {
    std::vector<std::string> all;
    for (const CatalogueEvent& event : events_) all.push_back(text_of(event));
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
  }
  using Texts = std::vector<std::string>;

  MemoryDisk disk_;
  std::unique_ptr<Catalogue> catalogue_;
  std::vector<CatalogueEvent> events_;
};

TEST_F(CatalogueTest, FindsWhatIsThereOnce) {
  disk_.make_directories("/l/x");
  disk_.append("/l/a.log", "1\n");
  disk_.append("/l/x/b.log", "1\n");
  disk_.append("/l/c.txt", "1\n");
  follow(one({"/l/*.log", "/l/*/*.log"}));
  EXPECT_EQ(reconcile(), (Texts{"appeared /l/a.log", "appeared /l/x/b.log"}));
  EXPECT_EQ(reconcile(), Texts{});
  EXPECT_EQ(catalogue_->names(), 2U);
  EXPECT_EQ(disk_.watches(), 2U);
}

TEST_F(CatalogueTest, HintsSayWhereToLook) {
  disk_.make_directories("/l");
  follow(one({"/l/*.log"}));
  reconcile();
  disk_.append("/l/a.log", "1\n");
  EXPECT_EQ(notice(), (Texts{"appeared /l/a.log", "written /l/a.log"}));
  disk_.append("/l/a.log", "2\n");
  EXPECT_EQ(notice(), Texts{"written /l/a.log"});
  disk_.unlink("/l/a.log");
  EXPECT_EQ(notice(), Texts{"gone /l/a.log"});
  EXPECT_EQ(reconcile(), Texts{});
}

TEST_F(CatalogueTest, ALostHintIsFoundByComparing) {
  disk_.make_directories("/l");
  follow(one({"/l/*.log"}));
  reconcile();
  disk_.lose_hints = true;
  disk_.append("/l/a.log", "1\n");
  EXPECT_EQ(notice(), Texts{});
  EXPECT_EQ(reconcile(), Texts{"appeared /l/a.log"});
  disk_.rename("/l/a.log", "/l/b.log");
  EXPECT_EQ(reconcile(), (Texts{"appeared /l/b.log", "gone /l/a.log"}));
}

TEST_F(CatalogueTest, RenameAndCreateIsANameThatMoved) {
  disk_.make_directories("/l");
  disk_.append("/l/a.log", "1\n");
  follow(one({"/l/*.log"}));
  reconcile();
  const uint64_t old_inode = disk_.inode_of("/l/a.log");
  disk_.rename("/l/a.log", "/l/a.log.1");
  disk_.append("/l/a.log", "2\n");
  EXPECT_EQ(notice(), (Texts{"moved /l/a.log", "written /l/a.log"}));
  const auto moved = std::find_if(events_.begin(), events_.end(),
                                  [](const auto& event) { return event.kind == Kind::kMoved; });
  EXPECT_EQ(moved->before.inode, old_inode);
  EXPECT_EQ(moved->stat.inode, disk_.inode_of("/l/a.log"));
}

TEST_F(CatalogueTest, AReusedInodeUnderTheSameNameIsANameThatMoved) {
  disk_.make_directories("/l");
  disk_.append("/l/a.log", "1\n");
  follow(one({"/l/*.log"}));
  reconcile();
  disk_.reuse_inodes = true;
  const uint64_t inode = disk_.inode_of("/l/a.log");
  disk_.unlink("/l/a.log");
  disk_.append("/l/a.log", "2\n");
  ASSERT_EQ(disk_.inode_of("/l/a.log"), inode);
  EXPECT_EQ(reconcile(), Texts{"moved /l/a.log"});
}

TEST_F(CatalogueTest, ANewDirectoryBringsTheFilesThatAreAlreadyInIt) {
  disk_.make_directories("/l");
  follow(one({"/l/**/*.log"}));
  reconcile();
  disk_.make_directories("/l/x/y");
  disk_.append("/l/x/y/a.log", "1\n");
  EXPECT_EQ(notice(), Texts{"appeared /l/x/y/a.log"});
  disk_.append("/l/x/y/b.log", "1\n");
  EXPECT_EQ(notice(), (Texts{"appeared /l/x/y/b.log", "written /l/x/y/b.log"}));
}

TEST_F(CatalogueTest, ARootThatDoesNotExistYetIsWaitedFor) {
  disk_.make_directories("/srv");
  follow(one({"/srv/app/logs/*.log"}));
  EXPECT_EQ(reconcile(), Texts{});
  disk_.make_directories("/srv/app");
  EXPECT_EQ(notice(), Texts{});
  disk_.make_directories("/srv/app/logs");
  disk_.append("/srv/app/logs/a.log", "1\n");
  EXPECT_EQ(notice(), Texts{"appeared /srv/app/logs/a.log"});
}

TEST_F(CatalogueTest, ADirectoryThatIsRemovedAndMadeAgainIsFollowedAgain) {
  disk_.make_directories("/srv/app");
  disk_.append("/srv/app/a.log", "1\n");
  follow(one({"/srv/app/*.log"}));
  reconcile();
  disk_.unlink("/srv/app/a.log");
  disk_.unlink("/srv/app");
  EXPECT_EQ(notice(), Texts{"gone /srv/app/a.log"});
  disk_.make_directories("/srv/app");
  disk_.append("/srv/app/a.log", "2\n");
  EXPECT_EQ(notice(), Texts{"appeared /srv/app/a.log"});
  disk_.append("/srv/app/b.log", "2\n");
  EXPECT_EQ(notice(), (Texts{"appeared /srv/app/b.log", "written /srv/app/b.log"}));
}

TEST_F(CatalogueTest, ADirectoryThatVanishesWithoutAWordIsMissed) {
  disk_.make_directories("/srv/app");
  disk_.append("/srv/app/a.log", "1\n");
  follow(one({"/srv/app/*.log"}));
  reconcile();
  disk_.quiet_directories = true;
  disk_.unlink("/srv/app/a.log");
  EXPECT_EQ(notice(), Texts{"gone /srv/app/a.log"});
  disk_.unlink("/srv/app");
  EXPECT_EQ(notice(), Texts{});
  ASSERT_TRUE(catalogue_->doubtful());
  catalogue_->recheck(events_);
  EXPECT_FALSE(catalogue_->doubtful());
  disk_.make_directories("/srv/app");
  disk_.append("/srv/app/a.log", "2\n");
  EXPECT_EQ(notice(), Texts{"appeared /srv/app/a.log"});
}

TEST_F(CatalogueTest, ADirectoryThatIsReplacedUnseenIsWatchedAgain) {
  disk_.make_directories("/srv/app");
  follow(one({"/srv/app/*.log"}));
  reconcile();
  disk_.lose_hints = true;
  disk_.unlink("/srv/app");
  disk_.make_directories("/srv/app");
  disk_.lose_hints = false;
  reconcile();
  disk_.append("/srv/app/a.log", "2\n");
  EXPECT_EQ(notice(), (Texts{"appeared /srv/app/a.log", "written /srv/app/a.log"}));
}

TEST_F(CatalogueTest, ARenamedDirectoryTakesItsFilesAlong) {
  disk_.make_directories("/l/x");
  disk_.append("/l/x/a.log", "1\n");
  follow(one({"/l/*/*.log"}));
  reconcile();
  disk_.rename("/l/x", "/l/y");
  EXPECT_EQ(notice(), (Texts{"appeared /l/y/a.log", "gone /l/x/a.log"}));
}

TEST_F(CatalogueTest, WhatCannotBeSeenHasNotGone) {
  disk_.make_directories("/l/x");
  disk_.append("/l/a.log", "1\n");
  disk_.append("/l/x/b.log", "1\n");
  follow(one({"/l/**/*.log"}));
  reconcile();
  disk_.refuse("/l", EACCES);
  EXPECT_EQ(reconcile(), Texts{"dir unreadable /l"});
  EXPECT_EQ(reconcile(), Texts{}) << "said once";
  EXPECT_EQ(catalogue_->names(), 2U);
  disk_.refuse("/l", 0);
  EXPECT_EQ(reconcile(), Texts{});
}

TEST_F(CatalogueTest, ALinkIsItsTarget) {
  disk_.make_directories("/l");
  disk_.make_directories("/data");
  disk_.append("/data/1", "1\n");
  disk_.append("/data/2", "1\n");
  disk_.symlink("/data/1", "/l/a.log");
  disk_.symlink("/data/nothing", "/l/b.log");
  follow(one({"/l/*.log"}));
  EXPECT_EQ(reconcile(), Texts{"appeared /l/a.log"});
  EXPECT_EQ(events_[0].stat.inode, disk_.inode_of("/data/1"));
  disk_.symlink("/data/2", "/l/a.log");
  EXPECT_EQ(notice(), Texts{"moved /l/a.log"});
}

TEST_F(CatalogueTest, ROT_20_WhatHappensToAFileBehindALinkIsHeardOfWhereTheFileIs) {
  disk_.make_directories("/l");
  disk_.make_directories("/data");
  disk_.append("/data/x", "1\n");
  disk_.symlink("/data/x", "/l/a.log");
  follow(one({"/l/*.log"}));
  EXPECT_EQ(reconcile(), Texts{"appeared /l/a.log"});
  disk_.append("/data/x", "2\n");
  EXPECT_EQ(notice(), Texts{"written /l/a.log"});
  disk_.rename("/data/x", "/data/x.1");
  disk_.append("/data/x", "3\n");
  EXPECT_EQ(notice(), (Texts{"moved /l/a.log", "written /l/a.log"}));
  // Also if somebody looks while the link leads nowhere.
  disk_.rename("/data/x", "/data/x.2");
  EXPECT_EQ(notice(), Texts{"gone /l/a.log"});
  disk_.append("/data/x", "4\n");
  EXPECT_EQ(notice(), (Texts{"appeared /l/a.log", "written /l/a.log"}));
  disk_.append("/data/other", "not ours\n");
  EXPECT_EQ(notice(), Texts{});
}

TEST_F(CatalogueTest, ALinkThatIsPointedElsewhereIsHeardOfThereAndNotWhereItWas) {
  disk_.make_directories("/l");
  disk_.make_directories("/data/1");
  disk_.make_directories("/data/2");
  disk_.append("/data/1/x", "1\n");
  disk_.append("/data/2/x", "1\n");
  follow(one({"/l/*.log"}));
  reconcile();
  disk_.symlink("/data/1/x", "/l/a.log");
  EXPECT_EQ(notice(), Texts{"appeared /l/a.log"});
  disk_.symlink("/data/2/x", "/l/a.log");
  EXPECT_EQ(notice(), Texts{"moved /l/a.log"});
  reconcile();
  EXPECT_EQ(disk_.watches(), 2U) << "/l and /data/2";
  disk_.append("/data/1/x", "2\n");
  EXPECT_EQ(notice(), Texts{});
  disk_.append("/data/2/x", "2\n");
  EXPECT_EQ(notice(), Texts{"written /l/a.log"});
  disk_.unlink("/l/a.log");
  notice();
  reconcile();
  EXPECT_EQ(disk_.watches(), 1U);
}

TEST_F(CatalogueTest, ATargetAndItsLinkMayBothBeFollowedAndLoseTheirDirectory) {
  disk_.make_directories("/l");
  disk_.make_directories("/data");
  disk_.append("/data/x.log", "1\n");
  disk_.symlink("/data/x.log", "/l/a.log");
  follow(one({"/l/*.log", "/data/*.log"}));
  EXPECT_EQ(reconcile(), (Texts{"appeared /data/x.log", "appeared /l/a.log"}));
  disk_.append("/data/x.log", "2\n");
  EXPECT_EQ(notice(), (Texts{"written /data/x.log", "written /l/a.log"}));
  disk_.unlink("/data/x.log");
  disk_.unlink("/data");
  disk_.make_directories("/data");
  disk_.append("/data/x.log", "3\n");
  notice();
  disk_.append("/data/x.log", "4\n");
  EXPECT_EQ(notice(), (Texts{"written /data/x.log", "written /l/a.log"}));
}

TEST_F(CatalogueTest, SpecialFilesAreSaidOnceAndLeftAlone) {
  disk_.make_directories("/l/dir.log");
  disk_.make_fifo("/l/pipe.log");
  follow(one({"/l/*.log"}));
  EXPECT_EQ(reconcile(), (Texts{"special /l/dir.log", "special /l/pipe.log"}));
  EXPECT_EQ(reconcile(), Texts{});
  disk_.unlink("/l/pipe.log");
  disk_.append("/l/pipe.log", "1\n");
  EXPECT_EQ(notice(), (Texts{"appeared /l/pipe.log", "written /l/pipe.log"}));
}

TEST_F(CatalogueTest, WhenWatchesRunOutTheRestIsPolled) {
  disk_.watches_max = 1;
  disk_.make_directories("/l/x");
  follow(one({"/l/**/*.log"}));
  EXPECT_EQ(reconcile(), Texts{"unwatched /l/x"});
  disk_.append("/l/x/a.log", "1\n");
  EXPECT_EQ(notice(), Texts{});
  EXPECT_EQ(reconcile(), Texts{"appeared /l/x/a.log"});
}

TEST_F(CatalogueTest, DSC_7_WhatVanishesUnseenIsToldApartFromWhatIsRenamedAway) {
  disk_.make_directories("/l");
  follow(one({"/l/*.log"}));
  reconcile();
  disk_.append("/l/short.log", "1\n");
  disk_.unlink("/l/short.log");
  disk_.append("/l/moved.log", "1\n");
  disk_.rename("/l/moved.log", "/l/moved.1");
  disk_.append("/l/other", "1\n");
  disk_.unlink("/l/other");
  EXPECT_EQ(notice(), (Texts{"passed /l/moved.log /l/moved.1", "vanished /l/short.log"}));
  disk_.append("/l/seen.log", "1\n");
  EXPECT_EQ(notice(), (Texts{"appeared /l/seen.log", "written /l/seen.log"}));
  disk_.unlink("/l/seen.log");
  EXPECT_EQ(notice(), Texts{"gone /l/seen.log"});
}

TEST_F(CatalogueTest, ROT_26_WhatIsRotatedBeforeTheLookIsToldWithItsPresentName) {
  disk_.make_directories("/l");
  follow(one({"/l/*.log"}));
  reconcile();
  for (int i = 3; i > 0; --i) {  // shifted, as logrotate does
    if (disk_.exists("/l/a.log.2")) disk_.rename("/l/a.log.2", "/l/a.log.3");
    if (disk_.exists("/l/a.log.1")) disk_.rename("/l/a.log.1", "/l/a.log.2");
    disk_.append("/l/a.log", "1\n");
    disk_.rename("/l/a.log", "/l/a.log.1");
  }
  const Texts all = {"passed /l/a.log /l/a.log.1", "passed /l/a.log /l/a.log.2",
                     "passed /l/a.log /l/a.log.3"};
  EXPECT_EQ(notice(), all);
  EXPECT_EQ(notice(), Texts{});
}

TEST_F(CatalogueTest, ROT_26_ALookBetweenMakingAndRenamingIsNoReasonToForgetTheFile) {
  disk_.make_directories("/l");
  follow(one({"/l/*.log"}));
  reconcile();
  disk_.append("/l/a.log", "1\n");
  disk_.on_stat = [&](const std::string& path) {
    if (path == "/l/a.log" && disk_.exists(path)) disk_.rename(path, "/l/a.log.1");
  };
  EXPECT_EQ(notice(), Texts{}) << "nothing is there, and the hint of where it went is under way";
  disk_.on_stat = nullptr;
  disk_.rename("/l/a.log.1", "/l/a.log.2");
  EXPECT_EQ(notice(), Texts{"passed /l/a.log /l/a.log.2"});
}

TEST_F(CatalogueTest, ROT_26_ALookThatWasFasterThanTheHintsForgetsNobody) {
  disk_.make_directories("/l");
  follow(one({"/l/*.log"}));
  reconcile();
  disk_.append("/l/a.log", "1\n");
  disk_.on_stat = [&](const std::string& path) {  // the look finds the second one
    if (path != "/l/a.log" || disk_.exists("/l/a.log.1")) return;
    disk_.rename(path, "/l/a.log.1");
    disk_.append(path, "2\n");
  };
  EXPECT_EQ(notice(), (Texts{"appeared /l/a.log", "written /l/a.log"}));
  disk_.on_stat = nullptr;
  EXPECT_EQ(notice(), (Texts{"passed /l/a.log /l/a.log.1", "written /l/a.log"}));
  EXPECT_EQ(notice(), Texts{});
}

TEST_F(CatalogueTest, DSC_7_WhatIsReplacedUnseenIsCounted) {
  disk_.make_directories("/l");
  follow(one({"/l/*.log"}));
  reconcile();
  const auto replace = [&] {
    disk_.append("/l/new", "1\n");
    disk_.rename("/l/new", "/l/a.log");
  };
  replace();
  EXPECT_EQ(notice(), Texts{"appeared /l/a.log"});
  replace();
  EXPECT_EQ(notice(), Texts{"moved /l/a.log"}) << "the one before it was seen";
  for (int i = 0; i < 4; ++i) replace();
  EXPECT_EQ(notice(), (Texts{"moved /l/a.log", "vanished /l/a.log x3"}));
  disk_.unlink("/l/a.log");
  EXPECT_EQ(notice(), Texts{"gone /l/a.log"});
}

TEST_F(CatalogueTest, DSC_7_ALookThatWasFasterThanTheHintsHidesNobody) {
  disk_.make_directories("/l");
  follow(one({"/l/*.log"}));
  reconcile();
  disk_.append("/l/a.log", "1\n");
  int times = 2;
  disk_.on_stat = [&](const std::string& path) {
    if (path != "/l/a.log" || --times < 0) return;
    disk_.unlink(path);  // two are gone, and the look finds the third
    disk_.append(path, "2\n");
  };
  std::vector<std::string> told = notice();
  disk_.on_stat = nullptr;
  int64_t vanished = 0;
  for (int i = 0; i < 3; ++i) {
    for (const CatalogueEvent& event : events_) vanished += event.files;
    notice();
  }
  // The first look is not repeated, so only one of the two was exchanged before it.
  EXPECT_EQ(vanished, 2 - times);
}

TEST_F(CatalogueTest, DSC_7_WhatAComparisonFoundIsNotCountedWhenItsHintsCome) {
  disk_.make_directories("/l");
  follow(one({"/l/*.log"}));
  reconcile();
  disk_.append("/l/a.log", "1\n");
  EXPECT_EQ(reconcile(), Texts{"appeared /l/a.log"});
  disk_.unlink("/l/a.log");
  EXPECT_EQ(reconcile(), Texts{"gone /l/a.log"});
  EXPECT_EQ(notice(), Texts{}) << "made and deleted, as hints have it";
  disk_.append("/l/a.log", "1\n");
  EXPECT_EQ(notice(), (Texts{"appeared /l/a.log", "written /l/a.log"}));
  disk_.append("/l/new", "1\n");
  disk_.rename("/l/new", "/l/a.log");
  EXPECT_EQ(reconcile(), Texts{"moved /l/a.log"});
  EXPECT_EQ(notice(), Texts{});
}

TEST_F(CatalogueTest, DSC_7_ALinkThatIsMadeAnewLosesNoFile) {
  disk_.make_directories("/l");
  disk_.append("/l/target", "1\n");
  disk_.symlink("/l/target", "/l/a.log");
  follow(one({"/l/*.log"}));
  reconcile();
  disk_.symlink("/l/target", "/l/new");
  disk_.rename("/l/new", "/l/a.log");
  EXPECT_EQ(notice(), Texts{});
}

TEST_F(CatalogueTest, ARotationThatWasSeenCostsNoFurtherLook) {
  disk_.make_directories("/l");
  disk_.append("/l/a.log", "1\n");
  follow(one({"/l/*.log"}));
  reconcile();
  notice();
  const int64_t before = disk_.stats;
  disk_.rename("/l/a.log", "/l/a.log.1");
  disk_.append("/l/a.log", "2\n");
  for (int i = 0; i < 10; ++i) disk_.append("/l/a.log", "3\n");
  EXPECT_EQ(notice(), (Texts{"moved /l/a.log", "written /l/a.log"}));
  EXPECT_EQ(disk_.stats, before + 1) << "one for the name that changed";
}

TEST_F(CatalogueTest, NamesThatNobodyWantsCostNoLook) {
  disk_.make_directories("/l");
  disk_.append("/l/a.log", "1\n");
  follow(one({"/l/*.log"}));
  reconcile();
  const int64_t before = disk_.stats;
  for (int i = 0; i < 10; ++i) disk_.append("/l/b.txt", "x");
  notice();
  EXPECT_EQ(disk_.stats, before);
}

TEST_F(CatalogueTest, SaysWhichSourcesWantAFile) {
  disk_.make_directories("/l");
  disk_.append("/l/a.log", "1\n");
  disk_.append("/l/b.log", "1\n");
  std::vector<PathRules> sources;
  sources.push_back(rules({"/l/*.log"}, {"b*"}));
  sources.push_back(rules({"/l/[ab].log"}));
  follow(std::move(sources));
  reconcile();
  ASSERT_EQ(events_.size(), 2U);
  EXPECT_EQ(events_[0].sources, (std::vector{SourceId(0), SourceId(1)}));
  EXPECT_EQ(events_[1].sources, std::vector{SourceId(1)});
}

TEST_F(CatalogueTest, ARenameWhileLookingIsSeenOnceInTheEnd) {
  disk_.make_directories("/l");
  disk_.append("/l/a.log", "1\n");
  follow(one({"/l/*.log"}));
  disk_.on_stat = [&](const std::string& path) {
    if (path != "/l/a.log") return;
    disk_.on_stat = nullptr;
    disk_.rename("/l/a.log", "/l/b.log");
  };
  EXPECT_EQ(reconcile(), Texts{});
  EXPECT_EQ(notice(), Texts{"appeared /l/b.log"});
  EXPECT_EQ(reconcile(), Texts{});
}

}  // namespace
}  // namespace sluice
