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
:root { color-scheme: light dark; --ink: #16242f; --soft: #5a6b78; --paper: #f6f9fa; --card: #fff;
  --line: #d9e2e7; --water: #0a7ea4 }
@media (prefers-color-scheme: dark) { :root { --ink: #e3edf2; --soft: #93a7b4; --paper: #0f181e;
  --card: #17232b; --line: #2a3a45; --water: #4cc3ea } }
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 17px/1.55 system-ui, sans-serif }
header { padding: 3.5rem 1.25rem 2rem; border-top: .4rem solid var(--water) }
header > *, main { max-width: 54rem; margin-inline: auto }
h1 { font-size: 2.6rem; line-height: 1.1; letter-spacing: -.02em; margin-block: 0 .6rem }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .7rem }
header p { font-size: 1.15rem; color: var(--soft); margin-block: 0 }
main { padding: 0 1.25rem 4rem }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(12rem, 1fr)); gap: .7rem; margin: 0 }
dl div { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .7rem .9rem }
dt { color: var(--soft); font-size: .85rem }
dd { margin: 0; font-size: 1.35rem; font-variant-numeric: tabular-nums }
pre { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .9rem;
  overflow-x: auto; font-size: .9rem }
code, pre { font-family: ui-monospace, monospace }
</style>
</head>
<body>
<header>
<h1>It flows.</h1>
<p>This page came to you over Millrace, a TCP/IP stack that runs as an ordinary program. The kernel of
the machine it runs on has not seen this connection: address resolution, IP and TCP are all Millrace's.</p>
</header>
<main>
<h2>This core, now</h2>
<dl id="counters">
)";

constexpr std::string_view kBottom = R"(</dl>
<h2>The way of your request</h2>
<p>One loop per core takes a burst of frames from its device, lets the protocols decide, calls the
application and sends what has come together. Cores share nothing, and packets are handed on, not copied.</p>
<pre>device &rarr; Ethernet &rarr; IPv4 &rarr; TCP &rarr; this server &rarr; TCP &rarr; IPv4 &rarr; Ethernet &rarr; device</pre>
<h2>Try it</h2>
<pre>curl -T FILE http://<span class="host">ADDRESS</span>/sink    # answers with the length and SHA-256 of what arrived
wrk -c 64 -d 10 http://<span class="host">ADDRESS</span>/     # and watch the counters above
millrace-httpd ROOT                   # serves the files below ROOT</pre>
</main>
<script>
for (const host of document.querySelectorAll(".host")) host.textContent = location.host;
setInterval(async () => {
  try {
    const page = new DOMParser().parseFromString(await (await fetch("/")).text(), "text/html");
    document.getElementById("counters").replaceWith(page.getElementById("counters"));
  } catch { /* The next second tries again. */ }
}, 1000);
</script>
</body>
</html>
)";

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
  out.append("<div><dt>").append(name).append("</dt><dd>").append(grouped(value));
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
  append_counter(out, "TCP bytes sent", stats.tcp_bytes_out);
  append_counter(out, "segments sent again", stats.tcp_retransmitted_segments);
  append_counter(out, "packets dropped", drops);
  append_counter(out, "turns of the loop", stats.turns);
  append_counter(out, "longest turn", static_cast<std::uint64_t>(longest), "\u2009µs");
  append_counter(out, "up", static_cast<std::uint64_t>(uptime), "\u2009s");
  out.append(kBottom);
}

}  // namespace httpd
