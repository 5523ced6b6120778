// Contracts: a kept one costs nothing visible, a broken one says where and ends the process.
#include "base/contract.hpp"

#include <gtest/gtest.h>

namespace millrace::base {
namespace {

TEST(Contract, KeptOnesReturn) {
  expects(true);
  ensures(true);
  debug_expects([] { return true; });
}

TEST(Contract, IsUsableInConstantExpressions) {
  constexpr int kChecked = [] {
    expects(true);
    return 7;
  }();
  static_assert(kChecked == 7);
}

TEST(ContractDeathTest, BrokenOneNamesFileLineAndFunction) {
  EXPECT_DEATH(expects(false), "^contract violated: .*contract_test\\.cpp:[0-9]+ .*TestBody");
  EXPECT_DEATH(ensures(false), "^contract violated: .*contract_test\\.cpp:[0-9]+ .*TestBody");
}

TEST(ContractDeathTest, DebugOneRunsInDebugBuildsAlone) {
  if constexpr (kDebugContracts) {
    EXPECT_DEATH(debug_expects([] { return false; }), "^contract violated: .*contract_test\\.cpp");
  } else {
    bool was_called = false;
    debug_expects([&] {
      was_called = true;
      return false;
    });
    EXPECT_FALSE(was_called);
  }
}

}  // namespace
}  // namespace millrace::base
