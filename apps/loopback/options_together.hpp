// What of millrace-loopback's command line is right alone and wrong together: options that would be
// without effect, and two ends that would be one.
#pragma once

#include <string>

#include "loopback/options.hpp"

namespace loopback {

/// `options` is what all of `given` has come to. The error is a sentence that says what would be
/// right.
[[nodiscard]] millrace::Result<void, std::string> check_together(const Arguments& given,
                                                                 const Options& options);

}  // namespace loopback
