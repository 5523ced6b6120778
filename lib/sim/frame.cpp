#include "sim/frame.hpp"

namespace millrace::sim {

Frame::Frame(std::size_t bytes) : block_{new Block} { block_->bytes.resize(bytes); }

Frame::~Frame() {
  if (block_ == nullptr) {
    return;
  }
  if (block_->home == nullptr) {
    delete block_;
    return;
  }
  block_->home->spare_.push_back(block_);
}

Frame Frame::clone() const {
  Frame copy =
      block_ != nullptr && block_->home != nullptr ? block_->home->take() : Frame{std::size_t{0}};
  copy.append(*this);
  return copy;
}

void Frame::append(std::span<const std::byte> bytes) {
  block_->bytes.insert(block_->bytes.end(), bytes.begin(), bytes.end());
}

void Frame::truncate(std::size_t bytes) { block_->bytes.resize(bytes); }

Frame FrameStore::take() {
  if (spare_.empty()) {
    constexpr std::size_t kUsualBytes = 1'536;
    blocks_.push_back(std::make_unique<Frame::Block>());
    blocks_.back()->bytes.reserve(kUsualBytes);
    blocks_.back()->home = this;
    spare_.reserve(blocks_.capacity());
    return Frame{blocks_.back().get()};
  }
  Frame::Block* const block = spare_.back();
  spare_.pop_back();
  block->bytes.clear();
  return Frame{block};
}

}  // namespace millrace::sim
