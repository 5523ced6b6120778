"""An installed copy of Millrace, as other projects meet it: `meson install` into a folder of the test's own, then a
small program built against it by meson and by CMake, linked to the shared library and to the archives, and run on
devices that need no root. Beside that, what libmillrace.so exports.

The build's test set-up passes MILLRACE_BUILD (the build folder) and the layout of the installation."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = pathlib.Path(os.environ["MILLRACE_BUILD"])
PREFIX, LIBDIR, DATADIR, VERSION, SONAME = (
    os.environ["MILLRACE_" + name] for name in ("PREFIX", "LIBDIR", "DATADIR", "VERSION", "SONAME")
)


def run(*command, **options) -> str:
    """Standard output of a command that must succeed."""
    result = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=300, **options)
    assert result.returncode == 0, f"{command[:4]} ended with {result.returncode}\n{result.stdout}\n{result.stderr}"
    return result.stdout


class Installation:
    """One installed copy, in a folder that is not where it was configured to go."""

    def __init__(self, folder: pathlib.Path) -> None:
        run("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", folder)
        self.prefix = folder / PREFIX.lstrip("/")
        self.libraries = self.prefix / LIBDIR
        self.headers = self.prefix / "include"
        self.examples = self.prefix / DATADIR / "doc/millrace/examples"

    def environment(self) -> dict[str, str]:
        """What pkg-config and the loader need to find it."""
        return os.environ | {
            "PKG_CONFIG_PATH": str(self.libraries / "pkgconfig"),
            "LD_LIBRARY_PATH": str(self.libraries),
        }


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Installation:
    return Installation(tmp_path_factory.mktemp("installed"))


def needed_by(binary: pathlib.Path) -> list[str]:
    """The shared libraries that a binary names."""
    return re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "--dynamic", "--wide", binary))


# What is installed.


def test_library_is_installed_once_with_its_soname(installed):
    names = sorted(path.name for path in installed.libraries.glob("libmillrace*"))
    assert names == ["libmillrace.a", "libmillrace.so", SONAME, f"libmillrace.so.{VERSION}"]
    assert [path.name for path in installed.libraries.glob("*.a")] == ["libmillrace.a"]
    assert (installed.libraries / "libmillrace.so").resolve().name == f"libmillrace.so.{VERSION}"
    dynamic = run("objdump", "--private-headers", installed.libraries / "libmillrace.so")
    assert re.findall(r"SONAME\s+(\S+)", dynamic) == [SONAME]


def test_headers_are_the_public_ones_alone(installed):
    there = {path.relative_to(installed.headers) for path in installed.headers.rglob("*") if path.is_file()}
    source = ROOT / "lib/include"
    assert there == {path.relative_to(source) for path in source.rglob("*.h*")}


def test_examples_are_all_there_with_a_build_file_of_their_own(installed):
    there = {path.relative_to(installed.examples).as_posix() for path in installed.examples.rglob("*") if path.is_file()}
    source = ROOT / "apps/examples"
    expected = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    assert there == expected - {"standalone.build"}
    build_file = (installed.examples / "meson.build").read_text(encoding="utf-8")
    assert build_file == (source / "standalone.build").read_text(encoding="utf-8")
    folders = {path.parent.name for path in installed.examples.glob("*/meson.build")}
    assert set(re.findall(r"subdir\('(\w+)'\)", build_file)) == folders


def test_port_script_finds_the_installed_header(installed, tmp_path):
    source = tmp_path / "a.c"
    source.write_text("int f(int fd) { return close(fd); }\n", encoding="utf-8")
    result = run(installed.prefix / "bin/port-to-millrace", source)
    assert "#include <millrace/socket.h>" in result and "return millrace_close(fd);" in result


def test_archive_holds_machine_code_of_every_source(installed):
    """An archive with nothing but the compiler's intermediate form links with that very compiler alone."""
    symbols = run("nm", "--defined-only", "--demangle", installed.libraries / "libmillrace.a")
    for name in ("millrace::Program::run(", "millrace::TcpSocket::abort(", "millrace::IpAddress::parse("):
        assert re.search(rf"^[0-9a-f]+ T {re.escape(name)}", symbols, re.MULTILINE), f"no code of {name})"


def test_pkg_config_knows_its_version(installed):
    for name in ("millrace", "millrace-libs"):
        assert run("pkg-config", "--modversion", name, env=installed.environment()).strip() == VERSION


# What the library exports.


def exported_by(library: pathlib.Path) -> list[tuple[str, str]]:
    """Kind and name of each symbol, without parameters' names."""
    lines = run("nm", "--dynamic", "--defined-only", "--demangle", library).splitlines()
    return [(line.split(maxsplit=2)[1], line.split(maxsplit=2)[2]) for line in lines]


def public_names() -> set[str]:
    """The classes and enumerations of the public headers."""
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "lib/include/millrace").iterdir())
    return set(re.findall(r"^(?:class|struct|enum class) (\w+)", text, re.MULTILINE))


def test_exported_functions_are_those_on_the_list(installed):
    """What is exported is promised. Who adds to exported.txt has changed the public interface, and says so in
    CHANGELOG.md; an internal function does not get there."""
    found = sorted({name for kind, name in exported_by(installed.libraries / "libmillrace.so") if kind in "TDBR"})
    listed = (HERE / "exported.txt").read_text(encoding="utf-8").splitlines()
    assert found == sorted(listed)


def test_exported_inline_code_belongs_to_public_classes(installed):
    """Which inline functions and tables the compiler leaves in the library is its choice; whose they are is not."""
    names = public_names()
    strangers = []
    for kind, name in exported_by(installed.libraries / "libmillrace.so"):
        plain = re.sub(r"^(vtable|typeinfo|typeinfo name) for ", "", name)
        owner = re.match(r"millrace::(\w+)", plain)
        if kind not in "TDBR" and not (owner and owner[1] in names):
            strangers.append(name)
    assert strangers == []


# What others build on it.


def build_by_meson(folder: pathlib.Path, linkage: str, environment: dict[str, str]) -> pathlib.Path:
    run("meson", "setup", folder, HERE / "program", f"-Dlinkage={linkage}", env=environment)
    run("ninja", "-C", folder, env=environment)
    return folder / "hello"


def build_by_cmake(folder: pathlib.Path, linkage: str, environment: dict[str, str]) -> pathlib.Path:
    if shutil.which("cmake") is None:
        pytest.skip("cmake is missing; scripts/setup test installs it")
    run("cmake", "-S", HERE / "program", "-B", folder, "-G", "Ninja", f"-DLINKAGE={linkage}", env=environment)
    run("cmake", "--build", folder, env=environment)
    return folder / "hello"


def build_by_hand(folder: pathlib.Path, linkage: str, environment: dict[str, str]) -> pathlib.Path:
    """As the line in docs/install.md; without link-time optimization, so that the archive must do without."""
    static = ["--static"] if linkage == "static" else []
    flags = run("pkg-config", *static, "--cflags", "--libs", "millrace", env=environment).split()
    folder.mkdir()
    run("c++", "--std=c++23", "-fno-lto", HERE / "program/main.cpp", "-o", folder / "hello", *flags, env=environment)
    return folder / "hello"


@pytest.mark.parametrize("linkage", ["shared", "static"])
@pytest.mark.parametrize("build", [build_by_meson, build_by_cmake, build_by_hand])
def test_program_builds_and_runs(installed, tmp_path, build, linkage):
    environment = installed.environment()
    program = build(tmp_path / "build", linkage, environment)

    needed = needed_by(program)
    dpdk = [name for name in needed if name.startswith("librte_")]
    if linkage == "shared":
        # DPDK is the library's business: a program that names it, too, breaks when the library's changes.
        assert SONAME in needed and dpdk == []
    else:
        # Two copies of DPDK in a process would each have half of its state.
        assert not any(name.startswith("libmillrace") for name in needed) and dpdk == []

    # The ring needs DPDK's pools, which are a driver; the other device is one as well.
    for device in ("ring", "vdev:net_ring0"):
        output = run(program, "--device", device, "--packets", "4096", env=environment)
        assert output == "hello\n"


def test_installed_examples_build_and_run(installed, tmp_path):
    environment = installed.environment()
    run("meson", "setup", tmp_path / "build", installed.examples, env=environment)
    # Two of them; all are built, from the same sources, with Millrace itself.
    targets = ["both_ends/millrace-both-ends", "request_response/millrace-request-response"]
    run("ninja", "-C", tmp_path / "build", *targets, env=environment)
    assert run(tmp_path / "build" / targets[0], env=environment) == "good day, Ada\ngood day, Grace\n"
    answers = run(
        tmp_path / "build" / targets[1], "--device", "ring", "--serve", "--ask", "198.18.0.2:7001", "--work", "0.001",
        "drawer", env=environment,
    )
    assert answers.endswith("drawer: reward\n")


def test_an_older_standard_is_named_first(installed, tmp_path):
    """Without it, hundreds of lines complain of std::expected."""
    flags = run("pkg-config", "--cflags", "millrace", env=installed.environment()).split()
    result = subprocess.run(
        ["c++", "--std=c++20", "-fsyntax-only", HERE / "program/main.cpp", *flags],
        capture_output=True, text=True, check=False,
    )
    errors = [line for line in result.stderr.splitlines() if "error: " in line]
    assert "compile with --std=c++23" in errors[0], result.stderr


def test_program_linked_to_the_archive_needs_no_installation(installed, tmp_path):
    """It runs where neither Millrace nor DPDK's drivers are installed: everything is inside."""
    program = build_by_hand(tmp_path / "build", "static", installed.environment())
    environment = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    hidden = "mount -t tmpfs none /usr/lib/x86_64-linux-gnu/dpdk && exec \"$@\""
    if os.geteuid() != 0 or not pathlib.Path("/usr/lib/x86_64-linux-gnu/dpdk").is_dir():
        pytest.skip("needs root, and DPDK's drivers where Debian has them, to hide them")
    output = run("unshare", "--mount", "sh", "-c", hidden, "sh", program, "--device", "ring", "--packets", "4096",
                 env=environment)
    assert output == "hello\n"
