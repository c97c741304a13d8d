import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CloseData } from "../../mesh/demo/page/model.ts";
import { renderCloseHtml } from "../../mesh/demo/page/render-close-html.ts";
import { chromiumPath, startChromium } from "../support/chromium.ts";
import { sampleClose } from "../support/sample-close.ts";

const path = chromiumPath();
if (path === undefined) process.stderr.write("SKIPPED test/flow/close-page.test.ts: no Chromium here (set CHROMIUM to its path).\n");

const TABLES = ["#accruals", "#reconciliation", "#entries", "#approval", "#masked", "#audit", "#evidence"];

describe.skipIf(path === undefined)("the page of a close in a real browser", () => {
  let data: CloseData;
  let url: string;
  let browser: Browser;
  beforeAll(async () => {
    data = await sampleClose();
    const file = join(await mkdtemp(join(tmpdir(), "gaggle-page-")), "index.html");
    await writeFile(file, renderCloseHtml(data));
    url = pathToFileURL(file).href;
    browser = await startChromium(path ?? "");
  });
  afterAll(() => browser?.close());

  /** Opens the page; `problems` collects what the console said and what was asked of the network. */
  async function open(width: number, colorScheme: "light" | "dark"): Promise<{ page: Page; problems: string[] }> {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    const problems: string[] = [];
    page.on("console", (message) => problems.push(message.text()));
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("request", (request) => request.url() !== url && problems.push(request.url()));
    await page.goto(url, { waitUntil: "networkidle" });
    return { page, problems };
  }

  test.each([
    [1_280, "light"],
    [800, "light"],
    [1_280, "dark"],
  ] as const)("shows every lane and table at %i px, %s, without errors, requests or sideways scrolling", async (width, scheme) => {
    const { page, problems } = await open(width, scheme);
    expect(await page.locator("[data-lane]").count()).toBe(data.agents.length);
    for (const id of TABLES) expect(await page.locator(id).isVisible(), id).toBe(true);
    expect(await page.locator("#reconciliation tbody tr").count()).toBe(data.report.reconciliation.differences.length + 1);
    expect(await page.locator("#entries tr.entry").count()).toBe(data.report.entries.length);
    expect(await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")).toBe(true);
    expect(problems).toEqual([]);
    await page.close();
  });

  test.each([1_280, 800])("lets no step or label lie over another at %i px", async (width) => {
    const { page } = await open(width, "light");
    const boxes: { left: number; right: number; top: number; bottom: number; text: string }[] = await page.evaluate(`
      [...document.querySelectorAll(".step, .arrow .label, .head")].map((element) => {
        const { left, right, top, bottom } = element.getBoundingClientRect();
        return { left, right, top, bottom, text: element.textContent };
      })`);
    expect(boxes.length).toBeGreaterThan(20);
    const overlap = boxes.flatMap((a, i) =>
      boxes
        .slice(i + 1)
        .filter((b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)
        .map((b) => `${a.text} / ${b.text}`),
    );
    expect(overlap).toEqual([]);
    await page.close();
  });

  test("ends each arrow at the middle of the lane that it goes to", async () => {
    const { page } = await open(1_280, "light");
    const off: number[] = await page.evaluate(`
      [...document.querySelectorAll(".arrow")].map((arrow) => {
        const line = arrow.querySelector(".line").getBoundingClientRect();
        const end = arrow.classList.contains("right") ? line.right : line.left;
        const middles = [...document.querySelectorAll(".rail")].map((rail) => { const box = rail.getBoundingClientRect(); return (box.left + box.right) / 2; });
        return Math.min(...middles.map((middle) => Math.abs(middle - end)));
      })`);
    expect(off.length).toBeGreaterThan(5);
    expect(Math.max(...off)).toBeLessThan(4);
    await page.close();
  });
});
