"use strict";
(() => {
  const period = 2000; // Milliseconds between two looks.
  const $ = id => document.getElementById(id);
  let onlyTrouble = false, last = null, heard = 0, failures = 0, timer = 0;

  // What people read

  // Made when there is a first number to show: a browser takes its time for it.
  let numbers = null;
  const grouped = n => (numbers ??= new Intl.NumberFormat("en")).format(n);
  const count = n => n === null || n === undefined ? "–" : grouped(n);

  function short(n) {
    if (n < 10000) return grouped(n);
    return n < 1e6 ? (n / 1e3).toFixed(n < 1e5 ? 1 : 0) + " k" : (n / 1e6).toFixed(1) + " M";
  }

  function span(seconds) {
    if (seconds === null || seconds === undefined) return "–";
    const s = Math.max(0, Math.round(seconds));
    if (s < 90) return s + " s";
    if (s < 5400) return Math.round(s / 60) + " min";
    if (s < 172800) return (s / 3600).toFixed(s < 36000 ? 1 : 0).replace(".0", "") + " h";
    return Math.round(s / 86400) + " d";
  }

  const plural = (n, one, many) => count(n) + " " + (n === 1 ? one : many || one + "s");
  const since = text => (Date.parse(last.now) - Date.parse(text)) / 1000;

  // Building blocks: text only ever becomes text

  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter(child => child !== null && child !== undefined));
    return element;
  }

  function write(id, text) {
    const element = $(id);
    if (element.textContent !== text) element.textContent = text;
  }

  function meter(share, tone, label) {
    const bar = make("i");
    bar.style.width = Math.round(Math.min(1, Math.max(0, share)) * 1000) / 10 + "%";
    return make("div", {class: "meter", "data-tone": tone, role: "img", "aria-label": label}, bar);
  }

  // Judging a stream

  function judge(stream) {
    const failing = stream.status === "backoff" || stream.activity === "backing off" || stream.activity === "failed";
    if (stream.status === "blocked" || stream.activity === "blocked") return {tone: "bad", word: "blocked", trouble: true};
    if (stream.status === "denied" || stream.activity === "denied") return {tone: "bad", word: "denied", trouble: true};
    if (failing) return {tone: stream.is_fresh ? "warn" : "bad", word: "failing", trouble: true};
    if (stream.verification_needed || stream.differences > 0) return {tone: "warn", word: "differs", trouble: true};
    if (stream.progress) return {tone: "run", word: stream.consistent_as_of ? "running" : "first load", trouble: false};
    if (!stream.consistent_as_of) return {tone: "idle", word: "not yet read", trouble: false};
    if (!stream.is_fresh) return {tone: "warn", word: "late", trouble: true};
    return {tone: "good", word: "fresh", trouble: false};
  }

  // Parts of the page

  function showHero(status) {
    const streams = status.streams.map(s => ({...s, verdict: judge(s)}));
    const bad = streams.filter(s => s.verdict.trouble);
    const unread = streams.filter(s => !s.consistent_as_of);
    const names = list => list.slice(0, 4).map(s => s.stream).join(", ") + (list.length > 4 ? " and " + (list.length - 4) + " more" : "");
    let tone = "good", head = "Everything is fresh", sub = "All " + plural(streams.length, "stream") + " are within their schedules.";
    if (!status.live) {
      [tone, head, sub] = ["bad", "The daemon hangs", "A thread has given no sign of life. Restart the service, and keep its log."];
    } else if (status.target.error) {
      [tone, head, sub] = ["bad", "The database does not answer", status.target.error];
    } else if (status.target.read_age_seconds > 15) {
      [tone, head, sub] = ["bad", "The database hangs", "It was last read " + span(status.target.read_age_seconds) + " ago. What follows is from then; ages are of now."];
    } else if (status.phase !== "syncing") {
      [tone, head, sub] = ["idle", status.phase[0].toUpperCase() + status.phase.slice(1), status.waiting_for || ({
        "standing by": "Another process has the right to write. This one takes over when that ends.",
        "waiting for Zoho": "The streams begin as soon as Zoho has answered.",
        "stopping": "What is committed is safe."}[status.phase] || "The streams begin as soon as it answers.")];
    } else if (status.zoho && status.zoho.pause_seconds) {
      [tone, head, sub] = ["warn", "Zoho is given a pause", "Nothing is asked for another " + span(status.zoho.pause_seconds) + (bad.length ? "; troubled: " + names(bad) : "") + "."];
    } else if (streams.length === 0) {
      [tone, head, sub] = ["idle", "No streams yet", "The configuration names none that Zoho knows."];
    } else if (bad.length) {
      tone = bad.some(s => s.verdict.tone === "bad") ? "bad" : "warn";
      head = bad.length === 1 ? bad[0].stream + " needs care" : bad.length + " of " + streams.length + " streams need care";
      sub = bad.length === 1 ? "The other " + plural(streams.length - 1, "stream") + " go on." : names(bad) + ". The others go on.";
    } else if (unread.length) {
      [tone, head, sub] = ["run", "Reading for the first time", plural(streams.length - unread.length, "stream") + " of " + streams.length + " complete; still to come: " + names(unread) + "."];
    }
    $("hero").dataset.tone = tone;
    write("headline", head);
    write("subline", sub);
    document.title = (tone === "good" ? "" : "● ") + head + " – zohosyncd";
    const extra = [];
    if (status.reload_error) extra.push("The changed configuration was refused, the old one is in use: " + status.reload_error);
    if (status.zoho && status.zoho.stretch > 1.005) extra.push("Intervals are " + status.zoho.stretch.toFixed(1) + " times as long as asked for, to stay within the credits.");
    if (status.zoho && Math.abs(status.zoho.clock_skew_seconds) > 30) extra.push("This machine's clock and Zoho's differ by " + span(Math.abs(status.zoho.clock_skew_seconds)) + ": check NTP.");
    $("reasons").hidden = extra.length === 0;
    $("reasons").replaceChildren(...extra.map(text => make("li", null, text)));
  }

  function showTiles(status) {
    const read = status.streams.filter(s => s.freshness_seconds !== null);
    const oldest = read.reduce((a, b) => !a || b.freshness_seconds / (b.allowed_seconds || 1e9) > a.freshness_seconds / (a.allowed_seconds || 1e9) ? b : a, null);
    write("oldest", oldest ? span(oldest.freshness_seconds) : "–");
    write("oldest-note", oldest ? oldest.stream + (oldest.allowed_seconds ? "; up to " + span(oldest.allowed_seconds) + " is well" : "") : "nothing is complete yet");
    const busy = status.streams.filter(s => s.progress);
    write("doing", busy.length ? plural(busy.length, "stream") : "resting");
    const zoho = status.zoho || {};
    write("doing-note", zoho.pause_seconds ? "paused for " + span(zoho.pause_seconds) : count(zoho.in_flight) + " of " + count(zoho.concurrency_limit) + " requests under way");
    const sum = key => status.runs.reduce((total, run) => total + run[key], 0);
    write("changed", short(sum("inserted") + sum("updated") + sum("deleted")));
    write("changed-note", short(sum("inserted")) + " new, " + short(sum("updated")) + " updated, " + short(sum("deleted")) + " gone");
    const allowed = zoho.credits_allowed || 0, used = status.credits ? Math.max(status.credits.used_24h, allowed && zoho.credits_left !== null ? allowed - zoho.credits_left : 0) : 0;
    const share = allowed ? used / allowed : 0;
    $("credits").replaceChildren(short(used), make("small", null, allowed ? " of " + short(allowed) : ""));
    const fill = $("credits-meter");
    fill.dataset.tone = share > .95 ? "bad" : share > .8 ? "warn" : "good";
    fill.firstElementChild.style.width = Math.min(100, share * 100) + "%";
    fill.setAttribute("aria-label", Math.round(share * 100) + " percent of the credits are spent");
    write("credits-note", allowed ? Math.round(share * 100) + " % of what may be spent" : "not known yet");
  }

  function showWork(status) {
    const jobs = status.streams.filter(s => s.progress && (s.progress.seconds >= 2 || s.progress.share !== null));
    $("work").hidden = jobs.length === 0;
    $("jobs").replaceChildren(...jobs.map(s => {
      const p = s.progress, facts = [plural(p.rows_read, "row") + " read"];
      if (p.rows_per_second) facts.push(count(p.rows_per_second) + " a second");
      facts.push(span(p.seconds) + " so far");
      if (p.eta_seconds !== null) facts.push("about " + span(p.eta_seconds) + " to go");
      const bar = meter(p.share === null ? .3 : p.share, "run", p.share === null ? "under way" : Math.round(p.share * 100) + " percent of the time span is read");
      if (p.share === null) bar.dataset.unknown = "";
      return make("li", null, make("div", {class: "line"}, make("span", {class: "name"}, s.stream),
        make("span", {class: "quiet"}, facts.join(" · "))), bar);
    }));
  }

  function freshnessCell(s, verdict) {
    if (s.freshness_seconds === null) return make("td", null, make("span", {class: "quiet"}, "never complete"));
    const cell = make("td", null, make("span", {class: "age", title: "complete up to " + s.consistent_as_of}, span(s.freshness_seconds) + " old"));
    if (s.allowed_seconds) {
      const share = s.freshness_seconds / s.allowed_seconds;
      cell.append(meter(share, share > 1 ? "bad" : verdict.tone === "run" ? "good" : verdict.tone, "of " + span(s.allowed_seconds) + " allowed"));
    }
    return cell;
  }

  function rowsOf(s) {
    const verdict = judge(s);
    const next = s.progress ? "now" : s.next_run_seconds === null ? (s.schedule === "manual" ? "by hand" : "–") : s.next_run_seconds < 1 ? "due" : "in " + span(s.next_run_seconds);
    const hasNote = verdict.trouble && (s.last_error || s.next_step);
    const row = make("tr", {class: hasNote ? "has-trouble" : null, "data-stream": s.stream},
      make("th", {scope: "row", class: "name"}, s.stream, make("small", null, s.target + " · " + s.schedule)),
      make("td", {class: "state"}, make("span", {class: "pill", "data-tone": verdict.tone}, verdict.word)),
      freshnessCell(s, verdict),
      make("td", {class: "num rows-cell"}, count(s.rows)),
      make("td", {class: "next quiet"}, next));
    if (!hasNote) return [row];
    const note = make("div", {class: "note", "data-tone": verdict.tone});
    if (s.last_error) note.append(make("p", null, s.last_error));
    if (s.next_step) note.append(make("p", null, make("b", null, "What to do: "), s.next_step));
    return [row, make("tr", {class: "trouble"}, make("td", {colspan: 5}, note))];
  }

  function showStreams(status) {
    const weight = {bad: 0, warn: 1};
    const streams = status.streams.map((s, place) => ({s, place, verdict: judge(s)}))
      .filter(entry => !onlyTrouble || entry.verdict.trouble)
      .sort((a, b) => (weight[a.verdict.trouble ? a.verdict.tone : ""] ?? 2) - (weight[b.verdict.trouble ? b.verdict.tone : ""] ?? 2) || a.place - b.place);
    $("rows").replaceChildren(...streams.flatMap(entry => rowsOf(entry.s)));
    $("no-rows").hidden = streams.length > 0;
    write("streams-title", "Streams (" + status.streams.length + ")");
  }

  // Charts

  function draw(id, values, {limit = 0, label, newest = true}) {
    const svgns = "http://www.w3.org/2000/svg", width = values.length * 4, height = 100;
    const node = (tag, attributes) => {
      const element = document.createElementNS(svgns, tag);
      for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
      return element;
    };
    const most = Math.max(limit * 1.08, ...values, 1);
    const svg = node("svg", {viewBox: "0 0 " + width + " " + height, preserveAspectRatio: "none", role: "img", "aria-label": label});
    svg.append(node("line", {class: "base", x1: 0, x2: width, y1: height, y2: height}));
    values.forEach((value, i) => {
      if (value <= 0) return;
      const tall = Math.max(1.5, value / most * height);
      svg.append(node("rect", {class: newest && i === values.length - 1 ? "bar new" : "bar", x: i * 4 + .4, y: height - tall, width: 3.2, height: tall, rx: .6}));
    });
    if (limit > 0) svg.append(node("line", {class: "limit", x1: 0, x2: width, y1: height - limit / most * height, y2: height - limit / most * height}));
    $(id).replaceChildren(svg, make("div", {class: "axis", "aria-hidden": "true"}, make("span", null, "24 h ago"), make("span", null, "12 h"), make("span", null, "now")));
  }

  function showCharts(status) {
    const zoho = status.zoho || {}, peaks = status.requests.most_in_a_second;
    draw("req-chart", peaks, {limit: zoho.rate_limit || 0, label: "Most requests sent in a second, by ten minutes, over the last day; at most " + Math.max(0, ...peaks)});
    write("req-note", "limit " + count(zoho.rate_limit) + ", seen " + Math.max(0, ...peaks));
    const spent = status.credits ? status.credits.spent : [];
    let sum = 0;
    const running = spent.map(value => sum += value);
    draw("cred-chart", running, {limit: zoho.credits_allowed || 0, label: "Credits spent in the last day, added up: " + sum});
    write("cred-note", zoho.credits_allowed ? "limit " + short(zoho.credits_allowed) : "");
    const slices = new Array(144).fill(0);
    for (const run of status.runs) {
      const ago = Math.floor(since(run.finished_at) / 600);
      if (ago >= 0 && ago < 144) slices[143 - ago] += run.inserted + run.updated + run.deleted;
    }
    draw("runs-chart", slices, {label: "Rows changed by ten minutes over the last day"});
    write("runs-note", status.runs.length >= 300 ? "the last 300" : plural(status.runs.length, "run") + " in 24 hours");
    $("runs").replaceChildren(...status.runs.slice(0, 12).map(run => {
      const parts = [["inserted", "new"], ["updated", "updated"], ["deleted", "gone"], ["quarantined", "set aside"]]
        .filter(([key]) => run[key] > 0).map(([key, word]) => count(run[key]) + " " + word);
      return make("li", null, make("span", {class: "when", title: run.finished_at}, span(since(run.finished_at)) + " ago"),
        make("span", {class: "who name"}, run.stream), make("span", {class: "what"}, parts.join(", ") || "nothing new"),
        make("span", {class: "took"}, run.seconds < 10 ? run.seconds.toFixed(1) + " s" : span(run.seconds)));
    }));
  }

  function show(status) {
    last = status;
    $("content").hidden = false;
    $("login").hidden = true;
    write("route", status.source ? status.source + " → " + status.target.name : "");
    write("about", "zohosyncd " + status.version + " · up " + span(since(status.started_at)) + (status.file ? " · " + status.file : ""));
    showHero(status);
    showTiles(status);
    showWork(status);
    showStreams(status);
    showCharts(status);
  }

  // Asking

  function headers() {
    const token = sessionStorage.getItem("token");
    return token ? {Authorization: "Bearer " + token} : {};
  }

  function lost(text) {
    $("hero").dataset.tone = "bad";
    write("headline", "The daemon does not answer");
    write("subline", text);
    document.body.dataset.lost = "";
    document.title = "● No answer – zohosyncd";
  }

  async function ask() {
    clearTimeout(timer);
    try {
      const answer = await fetch("/api/status", {headers: headers(), cache: "no-store", credentials: "omit"});
      if (answer.status === 401) {
        $("login").hidden = false;
        $("content").hidden = true;
        $("hero").dataset.tone = "idle";
        write("headline", "Who asks?");
        write("subline", sessionStorage.getItem("token") ? "The token was not the right one." : "");
        return;
      }
      if (!answer.ok) throw new Error("it said " + answer.status);
      const status = await answer.json();
      heard = Date.now();
      failures = 0;
      delete document.body.dataset.lost;
      show(status);
    } catch (error) {
      failures += 1;
      if (failures > 1) lost("Last heard " + (heard ? span((Date.now() - heard) / 1000) + " ago" : "never") + ". What is below is from then. This page goes on asking.");
    }
    if (!document.hidden) timer = setTimeout(ask, Math.min(period * Math.max(1, failures), 15000));
  }

  document.addEventListener("visibilitychange", () => document.hidden ? clearTimeout(timer) : ask());
  $("filter").addEventListener("click", () => {
    onlyTrouble = !onlyTrouble;
    $("filter").setAttribute("aria-pressed", String(onlyTrouble));
    if (last) showStreams(last);
  });
  $("login").addEventListener("submit", event => {
    event.preventDefault();
    sessionStorage.setItem("token", $("token").value.trim());
    $("token").value = "";
    ask();
  });
  setInterval(() => write("clock", heard ? "heard " + (Date.now() - heard < 3500 ? "just now" : span((Date.now() - heard) / 1000) + " ago") : ""), 1000);
  ask();
})();
