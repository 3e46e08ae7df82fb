// Opens a page of hostile names in headless Chromium, uses it, and prints as JSON what they did.
//
//     node check_names.js PAGE.html CHROMIUM PROFILE
"use strict";
const { chromium } = require("playwright-core");
const path = require("path");
const { pathToFileURL } = require("url");

const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
];
const WIDTHS = [1280, 390];

// What a reader would do: open everything, look at every recording, press the buttons.
const use = async (page) => {
  await page.evaluate(() => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
  const recordings = await page.locator("#recording option").count();
  for (let i = 0; i < recordings; i++) await page.locator("#recording").selectOption({ index: i });
  for (const kind of ["data-show", "data-sound", "data-act"]) {
    const buttons = page.locator(`button[${kind}]`);
    for (let i = 0; i < Math.min(await buttons.count(), 4); i++) await buttons.nth(i).click({ timeout: 10000 });
  }
};

// Elements that stick out of the page, though nothing scrolls them.
const sticking = (page) => page.evaluate(() => {
  const edge = document.documentElement.clientWidth + 1;
  const scrolled = (one) => one && (one.closest(".scroll, .members") !== null);
  return [...document.body.querySelectorAll("*")]
    .filter((one) => !scrolled(one) && !one.closest(".skip") && !one.closest("svg") && one.getBoundingClientRect().right > edge)
    .slice(0, 5).map((one) => `${one.tagName.toLowerCase()}.${one.className} ${Math.round(one.getBoundingClientRect().right)}`);
});

const main = async ([file, executablePath, profile]) => {
  const context = await chromium.launchPersistentContext(profile, { executablePath, args: FLAGS });
  const page = await context.newPage();
  const result = { dialogs: [], errors: [], requests: [], sticking: {}, scrolls: {}, elements: {}, turning: [] };
  page.on("dialog", (dialog) => { result.dialogs.push(dialog.message()); dialog.dismiss(); });
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) result.errors.push(message.text()); });
  page.on("pageerror", (error) => result.errors.push(String(error)));
  page.on("request", (request) => { if (!/^(file|data|blob):/.test(request.url()) || request.url().endsWith("/x")) result.requests.push(request.url()); });
  await page.addInitScript(() => { window.acted = []; window.act = (what) => window.acted.push(what || true); });
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 });
    await page.goto(pathToFileURL(path.resolve(file)).href, { waitUntil: "load" });
    await use(page);
    result.sticking[width] = await sticking(page);
    result.scrolls[width] = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  }
  result.acted = await page.evaluate(() => window.acted);
  for (const name of ["script", "img", "iframe", "object", "embed"]) result.elements[name] = await page.locator(name).count();
  // Signs that turn the direction of text or control a terminal, in what is shown or read aloud.
  result.turning = await page.evaluate(() => {
    const odd = /[\u0000-\u0008\u000b-\u001f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
    const found = [];
    for (const one of document.body.querySelectorAll("*:not(script)")) {
      const own = [...one.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data).join("");
      const texts = [own, ...[...one.attributes].map((attribute) => attribute.value)];
      if (texts.some((text) => odd.test(text))) found.push(`${one.tagName.toLowerCase()}#${one.id}`);
    }
    return [...new Set(found)];
  });
  result.longest = await page.evaluate(() => Math.max(...[...document.body.querySelectorAll("*:not(script)")].flatMap(
    (one) => [...one.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data.length))));
  await context.close();
  console.log(JSON.stringify(result));
};

main(process.argv.slice(2)).catch((error) => { console.error(error); process.exit(1); });
