// Drives the status page: page_test.js URL STEP. Prints "ready" when what it waits for may happen, exits 1 with
// what is wrong. Screenshots go to $ZOHOSYNCD_SCREENSHOTS, if that is set.
import assert from "node:assert/strict";
import {mkdtempSync, rmSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {chromium} from "playwright-core";

const [url, step] = process.argv.slice(2);
const patience = 120_000;
const screenshots = process.env.ZOHOSYNCD_SCREENSHOTS;
const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];

const home = mkdtempSync(join(tmpdir(), "zohosyncd-page-"));
const context = await chromium.launchPersistentContext(home, {
  executablePath: process.env.ZOHOSYNCD_CHROMIUM || "/usr/bin/chromium", headless: true, args: flags, colorScheme: "light",
  viewport: {width: 1280, height: 900}});
context.setDefaultTimeout(patience);

// Whatever a page does not do itself shall not pass unseen.
const wrong = [], asked = [];
async function open() {
  const page = await context.newPage();
  page.on("console", message => message.type() === "error" && wrong.push("console: " + message.text()));
  page.on("pageerror", error => wrong.push("error: " + error));
  page.on("request", request => asked.push(request.url()));
  await page.goto(url);
  await page.waitForSelector("#rows tr");
  return page;
}

const shoot = async (page, name) => screenshots && page.screenshot({path: join(screenshots, name + ".png"), fullPage: true});
const headline = page => page.textContent("#headline");
const until = (page, text) => page.waitForFunction(want => document.querySelector("#headline").textContent.includes(want), text);

// Every text against what is painted behind it (WCAG 2.1, 1.4.3): what is smaller than 4.5 to 1.
function faintTexts() {
  const parse = text => text.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255).map(c => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  let seen = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, box = element.getBoundingClientRect();
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility() || box.width === 0) continue;
    seen += 1;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < 4.5) faint.push(element.textContent.trim().slice(0, 40) + " " + ratio.toFixed(2));
  }
  return {faint, seen};
}

async function looks(page, name) {
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({colorScheme: scheme});
    for (const width of [1280, 360]) {
      await page.setViewportSize({width, height: 800});
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= width, name + " scrolls sideways at " + width);
      const {faint, seen} = await page.evaluate(faintTexts);
      assert.ok(seen > 20, "only " + seen + " texts");
      await shoot(page, [name, scheme, width].join("-"));
      assert.deepEqual(faint, [], name + " " + scheme + " " + width);
    }
  }
  await page.emulateMedia({colorScheme: "light"});
  await page.setViewportSize({width: 1280, height: 900});
}

const steps = {
  async live() {
    const page = await open();
    await until(page, "Everything is fresh");
    const before = await page.textContent("#changed");
    await page.waitForFunction(() => document.querySelectorAll("#runs li").length > 0);
    console.log("ready");
    await page.waitForFunction(was => document.querySelector("#changed").textContent !== was, before);
    await looks(page, "fresh");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
    await page.focus("#filter");
    await page.keyboard.press("Enter");
    assert.equal(await page.getAttribute("#filter", "aria-pressed"), "true");
    assert.equal(await page.locator("#no-rows").isVisible(), true);
    // Again, with a browser that is warm: what is measured is the page.
    const again = await open();
    const took = await again.evaluate(() => performance.getEntriesByType("navigation")[0].loadEventEnd);
    let bytes = 0;
    for (const path of ["", "page.css", "page.js", "icon.svg"]) bytes += (await (await fetch(url + path)).arrayBuffer()).byteLength;
    console.log("loaded in " + took.toFixed(0) + " ms, " + bytes + " bytes");
    assert.ok(bytes > 10_000 && bytes < 100_000, bytes + " bytes");
  },
  async failing() {
    const page = await open();
    await until(page, "need");
    assert.equal(await page.locator("tr.trouble").count() > 0, true);
    await looks(page, "failing");
  },
  async busy() {
    const page = await open();
    // It is live: what is read grows on a page that nobody touches.
    const readMore = before => {
      const text = document.querySelector("#jobs li")?.textContent.match(/([\d,]+) rows? read/)?.[1] || "0";
      return Number(text.replaceAll(",", "")) > before && Number(text.replaceAll(",", ""));
    };
    const first = await (await page.waitForFunction(readMore, 0)).jsonValue();
    await page.waitForFunction(readMore, first);
    await looks(page, "busy");
  },
  async any() {
    const page = await open();
    await looks(page, process.argv[4]);
    console.log(await headline(page));
  },
};

let code = 0;
try {
  await steps[step]();
  const origin = new URL(url).origin;
  assert.deepEqual(asked.filter(each => !each.startsWith(origin + "/")), [], "requests to elsewhere");
  assert.deepEqual(wrong, []);
} catch (error) {
  console.error(error.stack, wrong);
  code = 1;
} finally {
  await context.close();
  rmSync(home, {recursive: true, force: true});
}
process.exit(code);
