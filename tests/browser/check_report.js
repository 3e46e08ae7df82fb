// Opens a report in headless Chromium and prints, as JSON, what a reader would meet.
//
//     node check_report.js REPORT.html CHROMIUM PROFILE [FOLDER_FOR_SCREENSHOTS]
"use strict";
const { chromium } = require("playwright-core");
const path = require("path");
const { pathToFileURL } = require("url");

const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
];

const axeFindings = async (page) => {
  await page.addScriptTag({ path: require.resolve("axe-core/axe.min.js") });
  const { violations } = await page.evaluate(() => axe.run());
  return violations.map(({ id, impact, nodes }) => ({ id, impact, where: nodes.slice(0, 3).map((node) => node.html.slice(0, 200)) }));
};

// Whether the sound that a button starts moves on.
const plays = async (page) => {
  await page.evaluate(() => {
    const NativeAudio = window.Audio;
    window.Audio = function (url) { window.lastAudio = new NativeAudio(url); return window.lastAudio; };
  });
  const button = page.locator("button[data-sound]").first();
  if (!(await button.count())) return false;
  await button.click();
  await page.waitForFunction(() => window.lastAudio && window.lastAudio.currentTime > 0, null, { timeout: 5000 });
  return true;
};

// The keyboard alone zooms and moves the drawing; the window is told in words.
const keyboard = async (page) => {
  const status = () => page.locator("#status").textContent();
  await page.locator("#plot").focus();
  const told = [await status()];
  for (const key of ["+", "ArrowRight", "Home"]) { await page.keyboard.press(key); told.push(await status()); }
  return told;
};

const main = async ([report, executablePath, profile, folder]) => {
  const context = await chromium.launchPersistentContext(profile, {
    executablePath, args: FLAGS, viewport: { width: 1280, height: 900 }, colorScheme: "light",
  });
  const page = await context.newPage();
  const errors = [], requests = [];
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) errors.push(message.text()); });
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("request", (request) => { if (!/^(file|data|blob):/.test(request.url())) requests.push(request.url()); });
  await page.goto(pathToFileURL(path.resolve(report)).href, { waitUntil: "load" });
  const loadMs = await page.evaluate(() => performance.getEntriesByType("navigation")[0].loadEventEnd);
  const result = { errors, requests, loadMs, motifs: await page.locator(".card").count(), axe: {} };
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    result.axe[colorScheme] = await axeFindings(page);
    if (!folder) continue;
    for (const id of ["corpus", "motifs", "recordings", "models", "learning"]) {
      if (!(await page.locator("#" + id).count())) continue;
      await page.evaluate((anchor) => document.getElementById(anchor).scrollIntoView({ behavior: "instant" }), id);
      await page.screenshot({ path: path.join(folder, `report-${id}-${colorScheme}.png`) });
    }
  }
  result.keyboard = await keyboard(page);
  result.played = await plays(page);
  await context.close();
  console.log(JSON.stringify(result));
};

main(process.argv.slice(2)).catch((error) => { console.error(error); process.exit(1); });
