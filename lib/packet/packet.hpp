// Packet: the one owner of packet memory, a move-only handle on an rte_mbuf (chain). It is what
// every layer passes on. It knows bytes, room and sharing, never what the bytes mean.
#pragma once

#include <rte_mbuf.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "base/contract.hpp"
#include "packet/packet_cache.hpp"

namespace millrace::packet {

/// What a layer notes on a packet that waits in a queue. Lives in the private area of every mbuf of
/// our pools.
struct PacketNote {
  PacketCache* home = nullptr;        // Of the packet's pool, if that has one; set once.
  rte_mbuf* next_in_queue = nullptr;  // Link of PacketQueue.
  std::uint32_t sequence = 0;         // First payload byte's sequence number (TCP queues).
  std::uint32_t words_sum = 0;        // Of its first bytes (send buffers), folded to 32 bits.
  std::uint32_t summed_bytes = 0;     // How many these are; none: the sum is not known.
  std::uint32_t interface_index = 0;  // That a frame leaves by that waits for its neighbor.
};

/// What the device said about a received packet's checksums.
enum class ChecksumVerdict : std::uint8_t { Unknown, Good, Bad };

/// Headers of a TCP segment over IPv4, in bytes.
struct HeaderLengths {
  std::uint16_t l2 = 0;
  std::uint16_t l3 = 0;
  std::uint16_t l4 = 0;
};

/// What a device is asked to fill in, worked out once for many packets.
struct ChecksumRequest {
  std::uint64_t flags = 0;    // Of mbufs; none: nothing.
  std::uint64_t lengths = 0;  // Of headers, as mbufs have them.
};

/// Owns one mbuf chain, or nothing. Frees to the pool it came from; only on that pool's core, or
/// through a device.
class Packet {
 public:
  /// Charged per buffer beside its data room: mbuf, note and pool header.
  static constexpr std::uint32_t kOverheadBytes = 256;

  Packet() noexcept = default;
  explicit Packet(rte_mbuf* mbuf) noexcept : mbuf_{mbuf} {}
  Packet(Packet&& other) noexcept : mbuf_{std::exchange(other.mbuf_, nullptr)} {}
  Packet& operator=(Packet&& other) noexcept {
    if (this != &other) {
      reset();
      mbuf_ = std::exchange(other.mbuf_, nullptr);
    }
    return *this;
  }
  Packet(const Packet&) = delete;
  Packet& operator=(const Packet&) = delete;
  ~Packet() { reset(); }

  [[nodiscard]] explicit operator bool() const noexcept { return mbuf_ != nullptr; }
  /// Hands the mbuf out; the Packet becomes empty.
  [[nodiscard]] rte_mbuf* release() noexcept { return std::exchange(mbuf_, nullptr); }
  [[nodiscard]] rte_mbuf* get() const noexcept { return mbuf_; }
  [[gnu::always_inline]] void reset() noexcept {
    // Nearly every packet that ends has been moved on.
    if (mbuf_ != nullptr) {
      give_back(std::exchange(mbuf_, nullptr));
    }
  }

  /// Bytes of the first segment: all of them when `is_contiguous()`.
  [[nodiscard]] std::span<std::byte> data() const noexcept {
    return {rte_pktmbuf_mtod(mbuf_, std::byte*), rte_pktmbuf_data_len(mbuf_)};
  }
  /// Bytes of all segments.
  [[nodiscard]] std::uint32_t size() const noexcept { return rte_pktmbuf_pkt_len(mbuf_); }
  [[nodiscard]] bool is_contiguous() const noexcept { return mbuf_->nb_segs == 1; }
  /// Whether writing into the data changes nothing that somebody else holds.
  [[nodiscard]] bool is_exclusive() const noexcept {
    return RTE_MBUF_DIRECT(mbuf_) && rte_mbuf_refcnt_read(mbuf_) == 1 && mbuf_->nb_segs == 1;
  }

  /// The same of the first segment of a chain alone.
  [[nodiscard]] bool is_front_exclusive() const noexcept {
    return RTE_MBUF_DIRECT(mbuf_) && rte_mbuf_refcnt_read(mbuf_) == 1;
  }
  /// Segments of the chain.
  [[nodiscard]] std::uint16_t segments() const noexcept { return mbuf_->nb_segs; }

  [[nodiscard]] std::uint16_t headroom() const noexcept { return rte_pktmbuf_headroom(mbuf_); }
  [[nodiscard]] std::uint16_t tailroom() const noexcept { return rte_pktmbuf_tailroom(mbuf_); }
  /// The room behind the data of a contiguous packet.
  [[nodiscard]] std::span<std::byte> spare() const noexcept {
    return {data().data() + data().size(), tailroom()};
  }

  /// Grows the data at its front by `bytes` of headroom and returns the new front.
  [[nodiscard]] std::span<std::byte> prepend(std::uint16_t bytes) noexcept {
    base::expects(bytes <= headroom());
    rte_pktmbuf_prepend(mbuf_, bytes);
    return data().first(bytes);
  }
  /// Grows the data of a contiguous packet at its end and returns what was added.
  [[nodiscard]] std::span<std::byte> append(std::uint16_t bytes) noexcept {
    base::expects(bytes <= tailroom());
    rte_pktmbuf_append(mbuf_, bytes);
    return data().last(bytes);
  }
  /// Forgets `bytes` at the front of the first segment.
  void remove_prefix(std::uint32_t bytes) noexcept {
    base::expects(bytes <= data().size());
    rte_pktmbuf_adj(mbuf_, static_cast<std::uint16_t>(bytes));
  }
  /// Cuts a contiguous packet down to its first `bytes`.
  void truncate(std::uint32_t bytes) noexcept {
    base::expects(is_contiguous() && bytes <= data().size());
    rte_pktmbuf_trim(mbuf_, static_cast<std::uint16_t>(data().size() - bytes));
  }
  /// Cuts a contiguous packet down to `bytes` from `offset` on.
  void keep(std::uint32_t offset, std::uint32_t bytes) noexcept {
    base::debug_expects([&] { return is_contiguous() && offset + bytes <= mbuf_->data_len; });
    mbuf_->data_off = static_cast<std::uint16_t>(mbuf_->data_off + offset);
    mbuf_->data_len = static_cast<std::uint16_t>(bytes);
    mbuf_->pkt_len = bytes;
  }
  /// Cuts a packet, which may be a chain, down to its first `bytes`, and frees the rest.
  void keep_first(std::uint32_t bytes) noexcept {
    base::expects(bytes <= size());
    rte_mbuf* last = mbuf_;
    std::uint16_t segments = 1;
    std::uint32_t left = bytes;
    for (; left > last->data_len; last = last->next, ++segments) {
      left -= last->data_len;
    }
    rte_pktmbuf_free(std::exchange(last->next, nullptr));
    last->data_len = static_cast<std::uint16_t>(left);
    mbuf_->nb_segs = segments;
    mbuf_->pkt_len = bytes;
  }
  /// Takes off what hangs behind the first segment; empty if that is all.
  [[nodiscard]] Packet take_rest() noexcept {
    rte_mbuf* const rest = std::exchange(mbuf_->next, nullptr);
    if (rest == nullptr) {
      return {};
    }
    rest->nb_segs = static_cast<std::uint16_t>(mbuf_->nb_segs - 1);
    rest->pkt_len = mbuf_->pkt_len - mbuf_->data_len;
    mbuf_->nb_segs = 1;
    mbuf_->pkt_len = mbuf_->data_len;
    return Packet{rest};
  }
  /// Frees the segments at the front of a chain that hold nothing; the last one stays.
  void drop_empty_front() noexcept {
    while (data().empty() && !is_contiguous()) {
      *this = take_rest();
    }
  }
  /// Hangs `tail` behind this packet's last segment. False if the chain would be too long; `tail`
  /// is then kept.
  [[nodiscard]] bool chain(Packet& tail) noexcept {
    if (rte_pktmbuf_chain(mbuf_, tail.mbuf_) != 0) {
      return false;
    }
    tail.mbuf_ = nullptr;
    return true;
  }
  /// Hangs `whole`, which has one segment and stays where it is, behind this packet, which has one
  /// too. Nothing of it, nor its length, may change until this packet is freed.
  void share(rte_mbuf* whole) noexcept {
    base::debug_expects([&] { return is_contiguous() && whole->nb_segs == 1; });
    rte_mbuf_refcnt_update(whole, 1);
    mbuf_->next = whole;
    mbuf_->nb_segs = 2;
    mbuf_->pkt_len += whole->data_len;
  }
  /// Data of an empty packet: `front` bytes of the headroom, and `back` behind them. Returns where
  /// these begin.
  [[nodiscard]] std::byte* open(std::uint16_t front, std::uint16_t back) noexcept {
    base::debug_expects([&] { return size() == 0 && front <= headroom() && back <= tailroom(); });
    mbuf_->data_off = static_cast<std::uint16_t>(mbuf_->data_off - front);
    mbuf_->data_len = static_cast<std::uint16_t>(front + back);
    mbuf_->pkt_len = mbuf_->data_len;
    return rte_pktmbuf_mtod(mbuf_, std::byte*) + front;
  }

  /// Calls `visit(span)` for the bytes of each segment of the chain.
  template <class F>
  void for_each_segment(F&& visit) const noexcept {
    for (const rte_mbuf* segment = mbuf_; segment != nullptr; segment = segment->next) {
      visit(std::span<const std::byte>{rte_pktmbuf_mtod(segment, const std::byte*),
                                       rte_pktmbuf_data_len(segment)});
    }
  }
  /// Gathers a chain into one segment, in place. False if it does not fit there.
  [[nodiscard]] bool linearize() noexcept { return rte_pktmbuf_linearize(mbuf_) == 0; }

  /// Memory this packet holds up, in bytes, for the budgets that bound queues.
  [[nodiscard]] std::uint32_t charge() const noexcept { return mbuf_->buf_len + kOverheadBytes; }

  /// The same of all segments of a chain.
  [[nodiscard]] std::uint32_t chain_charge() const noexcept {
    std::uint32_t sum = 0;
    for (const rte_mbuf* segment = mbuf_; segment != nullptr; segment = segment->next) {
      sum += segment->buf_len + kOverheadBytes;
    }
    return sum;
  }

  [[nodiscard]] PacketNote& note() const noexcept { return note_of(mbuf_); }

  [[nodiscard]] ChecksumVerdict ip_checksum_verdict() const noexcept {
    return verdict(mbuf_->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK, RTE_MBUF_F_RX_IP_CKSUM_GOOD,
                   RTE_MBUF_F_RX_IP_CKSUM_BAD);
  }
  /// Good also where the sender, a virtual one, has left the sum out and the link vouches for the
  /// bytes (mbuf library, "none").
  [[nodiscard]] ChecksumVerdict l4_checksum_verdict() const noexcept {
    const std::uint64_t flags = mbuf_->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
    return flags == RTE_MBUF_F_RX_L4_CKSUM_NONE
               ? ChecksumVerdict::Good
               : verdict(flags, RTE_MBUF_F_RX_L4_CKSUM_GOOD, RTE_MBUF_F_RX_L4_CKSUM_BAD);
  }

  /// Whether both verdicts are Good.
  [[nodiscard]] bool has_good_verdicts() const noexcept {
    constexpr std::uint64_t kGood = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    return (mbuf_->ol_flags & (RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK)) == kGood;
  }

  /// Asks the device to fill in the IPv4 header's checksum, and that of TCP or UDP (whose field
  /// holds the pseudo header's sum). Header lengths in bytes.
  void request_checksums(std::uint16_t l2_bytes, std::uint16_t l3_bytes, bool ip, bool tcp,
                         bool udp = false) noexcept {
    mbuf_->l2_len = l2_bytes & 0x7fU;
    mbuf_->l3_len = l3_bytes & 0x1ffU;
    mbuf_->ol_flags |= RTE_MBUF_F_TX_IPV4 | (ip ? RTE_MBUF_F_TX_IP_CKSUM : 0) |
                       (tcp ? RTE_MBUF_F_TX_TCP_CKSUM : 0) | (udp ? RTE_MBUF_F_TX_UDP_CKSUM : 0);
  }
  /// The same for IPv4 and TCP, of a packet that nothing was asked for.
  [[nodiscard]] static ChecksumRequest checksum_request(std::uint16_t l2_bytes,
                                                        std::uint16_t l3_bytes, bool ip,
                                                        bool tcp) noexcept {
    if (!ip && !tcp) {
      return {};
    }
    return {.flags = RTE_MBUF_F_TX_IPV4 | (ip ? RTE_MBUF_F_TX_IP_CKSUM : 0) |
                     (tcp ? RTE_MBUF_F_TX_TCP_CKSUM : 0),
            .lengths = rte_mbuf_tx_offload(l2_bytes, l3_bytes, 0, 0, 0, 0, 0)};
  }
  void request_checksums(const ChecksumRequest& request) noexcept {
    mbuf_->ol_flags |= request.flags;
    mbuf_->tx_offload = request.lengths;
  }
  /// Asks the device to cut what is behind the headers into TCP segments of at most
  /// `segment_bytes`, and for the checksum of each; for that of IPv4's header where `ip`
  /// (rte_mbuf_core.h, RTE_MBUF_F_TX_TCP_SEG). TCP's field holds the pseudo header's sum with the
  /// length of all, which a driver that wants it otherwise mends in `rte_eth_tx_prepare`. Where the
  /// device does not fill in IPv4's, as virtio's do not, that flag is left out against the letter
  /// of that description: whoever cuts such a frame, a kernel or another machine's stack, writes
  /// each header anew.
  void request_segmentation(const HeaderLengths& lengths, std::uint16_t segment_bytes,
                            bool ip) noexcept {
    mbuf_->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM |
                       (ip ? RTE_MBUF_F_TX_IP_CKSUM : 0);
    mbuf_->tx_offload =
        rte_mbuf_tx_offload(lengths.l2, lengths.l3, lengths.l4, segment_bytes, 0, 0, 0);
  }
  [[nodiscard]] bool wants_tcp_checksum() const noexcept {
    return (mbuf_->ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_TCP_CKSUM;
  }
  /// Payload bytes of a segment that the device is asked to cut this packet into; 0: it is not.
  [[nodiscard]] std::uint16_t segmentation() const noexcept {
    return (mbuf_->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0
               ? static_cast<std::uint16_t>(mbuf_->tso_segsz)
               : std::uint16_t{0};
  }
  /// Payload bytes of each of the TCP segments that a device joined to this received packet (large
  /// receive); 0: it is not such a one, or the device does not tell.
  [[nodiscard]] std::uint16_t joined_from() const noexcept {
    return (mbuf_->ol_flags & RTE_MBUF_F_RX_LRO) != 0 ? static_cast<std::uint16_t>(mbuf_->tso_segsz)
                                                      : std::uint16_t{0};
  }
  /// Forgets what a device said of it or was asked to do: before a received packet goes out again.
  void clear_offload() noexcept { mbuf_->ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL; }

 private:
  [[nodiscard]] static PacketNote& note_of(rte_mbuf* mbuf) noexcept {
    return *static_cast<PacketNote*>(rte_mbuf_to_priv(mbuf));
  }
  static void give_back(rte_mbuf* mbuf) noexcept {
    PacketCache* const home = note_of(mbuf).home;
    if (home == nullptr || !home->give(mbuf)) [[unlikely]] {
      free_slowly(mbuf);
    }
  }
  /// What is shared, chained or of another thread's pool.
  [[gnu::cold]] static void free_slowly(rte_mbuf* mbuf) noexcept;
  [[nodiscard]] static ChecksumVerdict verdict(std::uint64_t flags, std::uint64_t good,
                                               std::uint64_t bad) noexcept {
    return flags == good  ? ChecksumVerdict::Good
           : flags == bad ? ChecksumVerdict::Bad
                          : ChecksumVerdict::Unknown;
  }

  rte_mbuf* mbuf_ = nullptr;
};

}  // namespace millrace::packet
