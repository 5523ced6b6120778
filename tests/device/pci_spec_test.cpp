// Whether a NIC can be had, told from folders as the kernel has them: each thing that is missing
// has words of its own.
#include "device/dpdk/pci_spec.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <string_view>

namespace millrace::device {

namespace {

namespace fs = std::filesystem;

constexpr const char* kAddress = "0000:03:00.0";

void write(const fs::path& path, std::string_view text) {
  fs::create_directories(path.parent_path());
  std::ofstream{path} << text << '\n';
}

/// A machine with one NIC that is ready for DPDK.
class PciSpec : public ::testing::Test {
 protected:
  PciSpec() {
    std::string pattern = ::testing::TempDir() + "millrace-pci-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    folders_ = {.sys = root_ / "sys", .dev = root_ / "dev"};
    fs::create_directories(device());
    bind("vfio-pci");
    fs::create_directory_symlink("../../../kernel/iommu_groups/7", device() / "iommu_group");
    write(folders_.dev / "vfio" / "vfio", "");
    write(folders_.dev / "vfio" / "7", "");
    write(hugepages() / "hugepages-2048kB" / "free_hugepages", "0");
    write(hugepages() / "hugepages-1048576kB" / "free_hugepages", "2");
  }
  PciSpec(const PciSpec&) = delete;
  PciSpec& operator=(const PciSpec&) = delete;
  ~PciSpec() override { fs::remove_all(root_); }

  [[nodiscard]] fs::path device() const {
    return folders_.sys / "bus" / "pci" / "devices" / kAddress;
  }
  [[nodiscard]] fs::path hugepages() const { return folders_.sys / "kernel" / "mm" / "hugepages"; }
  void bind(const std::string& driver) const {
    fs::remove(device() / "driver");
    fs::create_directory_symlink("../../../bus/pci/drivers/" + driver, device() / "driver");
  }
  void allow_unsafe(std::string_view value) const {
    write(folders_.sys / "module" / "vfio" / "parameters" / "enable_unsafe_noiommu_mode", value);
  }
  [[nodiscard]] std::string problem() const {
    const auto spec = DeviceSpec::parse(std::string{"pci:"} + kAddress);
    const auto checked = check_pci(*spec, folders_);
    return checked ? "" : checked.error();
  }
  void expect_words(std::string_view words) const {
    EXPECT_NE(problem().find(words), std::string::npos) << problem();
    EXPECT_EQ(problem().find('\n'), std::string::npos);
  }

  fs::path root_;
  PciFolders folders_;
};

TEST_F(PciSpec, FindsNothingWrong) { EXPECT_EQ(problem(), ""); }

TEST_F(PciSpec, NoSuchAddress) {
  fs::remove_all(device());
  EXPECT_EQ(problem(),
            "no PCI device has the address 0000:03:00.0: lspci -D lists those there are");
}

TEST_F(PciSpec, BoundToADriverOfTheKernel) {
  bind("e1000e");
  expect_words("0000:03:00.0 is bound to the kernel's driver e1000e");
  expect_words("dpdk-devbind.py -b vfio-pci 0000:03:00.0");
}

TEST_F(PciSpec, BoundToNothing) {
  fs::remove(device() / "driver");
  expect_words("0000:03:00.0 is not bound to a driver");
  expect_words("dpdk-devbind.py -b vfio-pci 0000:03:00.0");
}

TEST_F(PciSpec, DriversThatStayWithTheKernelNeedNoVfio) {
  fs::remove_all(folders_.dev / "vfio");
  for (const char* const driver : {"mlx5_core", "mlx4_core", "mana", "uio_pci_generic"}) {
    bind(driver);
    EXPECT_EQ(problem(), "") << driver;
  }
}

TEST_F(PciSpec, NoVfio) {
  fs::remove_all(folders_.dev / "vfio");
  expect_words("needs /dev/vfio/vfio: load its module (modprobe vfio-pci)");
}

TEST_F(PciSpec, NoIommu) {
  fs::remove(device() / "iommu_group");
  expect_words("no IOMMU stands before 0000:03:00.0");
  expect_words("intel_iommu=on");
  allow_unsafe("N");
  expect_words("enable_unsafe_noiommu_mode");
  allow_unsafe("Y");
  EXPECT_EQ(problem(), "");
}

TEST_F(PciSpec, AGroupWithoutIommuIsReachedByAnotherName) {
  fs::rename(folders_.dev / "vfio" / "7", folders_.dev / "vfio" / "noiommu-7");
  EXPECT_EQ(problem(), "");
}

TEST_F(PciSpec, NoPermissionForTheGroup) {
  fs::remove(folders_.dev / "vfio" /
             "7");  // To root, who may open anything, an absent one is shut.
  expect_words("no permission to open " + (folders_.dev / "vfio" / "7").string());
}

TEST_F(PciSpec, NoHugepages) {
  write(hugepages() / "hugepages-1048576kB" / "free_hugepages", "0");
  expect_words("pci:0000:03:00.0 needs hugepages, and none are free");
  expect_words("sysctl vm.nr_hugepages=");
  fs::remove_all(hugepages());
  expect_words("needs hugepages");
}

}  // namespace

}  // namespace millrace::device
