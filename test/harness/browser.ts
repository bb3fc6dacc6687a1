/** A real Chromium for tests of the page, where there is one. */
import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const program: string = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Whether there is one; says so on the console when there isn't. */
export function hasBrowser(): boolean {
  if (existsSync(program)) return true;
  console.warn(`left out: ${program} is not installed (another one: CHROMIUM=/path/to/chromium)`);
  return false;
}

/** Without a sandbox, as root has it in a container, and without a word to anybody's servers. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: program,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
