// The page's text. Everything is inline, so that one request shows all of it.
#include "httpd/welcome_page.hpp"

#include <chrono>
#include <numeric>
#include <string_view>

namespace httpd {
namespace {

constexpr std::string_view kTop = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Millrace</title>
<link rel="icon" href="data:,">
<style>
:root { color-scheme: light dark; --ink: #14232d; --soft: #566976; --paper: #f4f8fa; --card: #fff;
  --line: #d7e2e8; --water: #0a7ea4; --deep: #075a78; --foam: #e3f3f9 }
@media (prefers-color-scheme: dark) { :root { --ink: #e3edf2; --soft: #93a7b4; --paper: #0e171d;
  --card: #16222a; --line: #283944; --water: #4cc3ea; --deep: #0b4a61; --foam: #14303c } }
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 17px/1.55 system-ui, sans-serif }
.in { max-width: 58rem; margin-inline: auto; padding-inline: 1.5rem }
header { background: linear-gradient(160deg, var(--deep), #0a7ea4); color: #fff; padding-top: 3.2rem }
header svg { display: block; width: 100%; height: 3.2rem; margin: 1.6rem 0 -2px; fill: var(--paper) }
h1 { font-size: 3rem; line-height: 1.1; letter-spacing: -.03em; margin: 0 0 .7rem }
header p { font-size: 1.15rem; max-width: 44rem; margin: 0; color: #e2f2f8 }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .8rem }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(12rem, 1fr)); gap: .7rem; margin: 0 }
dl div, .box { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .7rem .9rem }
dt { color: var(--soft); font-size: .85rem }
dd { margin: 0; font-size: 1.4rem; font-variant-numeric: tabular-nums }
#flow { margin-top: .7rem; display: flex; align-items: center; gap: 1rem }
#flow output { flex: none; width: 9rem; color: var(--soft); font-size: .85rem }
#flow svg { flex: 1; height: 3rem; fill: var(--foam); stroke: var(--water); stroke-width: 2 }
.way { color: var(--soft); line-height: 2.4 }
.way b { background: var(--foam); color: var(--ink); border-radius: 2rem; padding: .25rem .7rem;
  font-weight: inherit; white-space: nowrap }
.way b.us { background: var(--water); color: var(--paper) }
table { border-collapse: collapse; width: 100% }
td { padding: .35rem .8rem .35rem 0; vertical-align: baseline }
td + td { color: var(--soft); padding-right: 0 }
code { font: .9em ui-monospace, monospace }
footer { color: var(--soft); font-size: .9rem; padding-block: 2rem 3rem }
</style>
</head>
<body>
<header><div class="in">
<h1>It flows.</h1>
<p>This page came to you over Millrace, a TCP/IP stack that runs as an ordinary program. The kernel of
the machine it runs on has not seen this connection: address resolution, IP and TCP are all Millrace's.</p>
</div><svg viewBox="0 0 1200 60" preserveAspectRatio="none" aria-hidden="true"><path d="M0 30Q150 0 300 30T600 30T900 30T1200 30V60H0Z"/></svg>
</header>
<main class="in">
<h2>This core, now</h2>
<dl id="counters">
)";

constexpr std::string_view kBottom = R"(</dl>
<div id="flow" class="box"><output>waiting for the next second</output><svg viewBox="0 0 59 30" preserveAspectRatio="none"><path vector-effect="non-scaling-stroke" d=""/></svg></div>
<h2>The way of your request</h2>
<p class="way"><b>device</b> &rarr; <b>Ethernet</b> &rarr; <b>IPv4</b> &rarr; <b>TCP</b> &rarr; <b class="us">this server</b>
&rarr; <b>TCP</b> &rarr; <b>IPv4</b> &rarr; <b>Ethernet</b> &rarr; <b>device</b></p>
<p>One loop per core takes a burst of frames from its device, lets the protocols decide, calls the
application and sends what has come together. Cores share nothing, and packets are handed on, not copied.</p>
<h2>Try it</h2>
<div class="box"><table>
<tr><td><code>curl -T FILE http://<span class="host">ADDRESS</span>/sink</code></td><td>answers with the length and SHA-256 of what arrived</td></tr>
<tr><td><code>wrk -c 64 -d 10 http://<span class="host">ADDRESS</span>/</code></td><td>and watch the counters above</td></tr>
<tr><td><code>millrace-httpd ROOT</code></td><td>serves the files below ROOT</td></tr>
</table></div>
</main>
<footer class="in">The counters are fetched anew every second, over the same connection if it lasts.</footer>
<script>
for (const host of document.querySelectorAll(".host")) host.textContent = location.host;
const rates = [];
let last;
const show = (bytes) => {
  const now = performance.now();
  if (last) rates.push(8 * (bytes - last.bytes) / (now - last.now) * 1000);
  last = { bytes, now };
  if (!rates.length) return;
  while (rates.length > 60) rates.shift();
  const top = Math.max(...rates, 1);
  const points = rates.map((rate, i) => `${60 - rates.length + i} ${29 - 27 * rate / top}`);
  document.querySelector("#flow path").setAttribute("d", `M${60 - rates.length} 30L${points.join("L")}L59 30Z`);
  const format = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
  document.querySelector("#flow output").textContent = `TCP sends ${format.format(rates.at(-1))}bit/s`;
};
setInterval(async () => {
  try {
    const page = new DOMParser().parseFromString(await (await fetch("/")).text(), "text/html");
    const counters = page.getElementById("counters");
    document.getElementById("counters").replaceWith(counters);
    show(Number(counters.querySelector("[data-sent]").dataset.sent));
  } catch { /* The next second tries again. */ }
}, 1000);
</script>
</body>
</html>
)";

constexpr std::string_view kDrawn = "TCP bytes sent";

// "12 345 678": groups of three, apart by a thin space.
std::string grouped(std::uint64_t value) {
  const std::string digits = std::to_string(value);
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) {
      out += "\u2009";
    }
    out += digits[i];
  }
  return out;
}

void append_counter(std::string& out, std::string_view name, std::uint64_t value,
                    std::string_view unit = {}) {
  // The page's script reads the bare number of what it draws.
  const std::string mark =
      name == kDrawn ? " data-sent=\"" + std::to_string(value) + "\"" : std::string{};
  out.append("<div").append(mark).append("><dt>").append(name).append("</dt><dd>");
  out.append(grouped(value));
  out.append(unit).append("</dd></div>\n");
}

}  // namespace

void append_welcome_page(std::string& out, const WelcomeFacts& facts) {
  using std::chrono::duration_cast;
  const millrace::CoreStats& stats = facts.stats;
  const std::uint64_t drops =
      std::accumulate(stats.drops.begin(), stats.drops.end(), std::uint64_t{0});
  const auto uptime = duration_cast<std::chrono::seconds>(facts.uptime).count();
  const auto longest = duration_cast<std::chrono::microseconds>(stats.longest_turn).count();

  out.append(kTop);
  append_counter(out, "connections open", facts.connections);
  append_counter(out, "connections accepted", stats.tcp_accepted);
  append_counter(out, "requests answered", facts.requests);
  append_counter(out, "frames received", stats.rx_frames);
  append_counter(out, "frames sent", stats.tx_frames);
  append_counter(out, "TCP bytes received", stats.tcp_bytes_in);
  append_counter(out, kDrawn, stats.tcp_bytes_out);
  append_counter(out, "segments sent again", stats.tcp_retransmitted_segments);
  append_counter(out, "packets dropped", drops);
  append_counter(out, "turns of the loop", stats.turns);
  append_counter(out, "longest turn", static_cast<std::uint64_t>(longest), "\u2009µs");
  append_counter(out, "up", static_cast<std::uint64_t>(uptime), "\u2009s");
  out.append(kBottom);
}

}  // namespace httpd
