// TurnBudget: how much one turn of the loop may do, so that no kind of work starves the others.
#pragma once

namespace millrace::runtime {

struct TurnBudget {
  unsigned rx_bursts = 4;   ///< Per device.
  unsigned tx_bursts = 16;  ///< Per device.
};

}  // namespace millrace::runtime
