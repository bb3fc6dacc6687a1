/** The page's files, out of this package and of the charting library's. Read once, at the start. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Answer } from "./answer.ts";
import type { AdminRequest, Route } from "./route.ts";

/** As far from `src/admin` as from `dist/admin`. */
const packageFolder: string = fileURLToPath(new URL("../../", import.meta.url));
const builtFolder: string = path.join(packageFolder, "dist", "page");
const sourceFolder: string = path.join(packageFolder, "page");

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** The page loads nothing from elsewhere, runs no script that isn't a file of ours, and is in nobody's frame. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** Throws the system's error when a file can't be read. */
export function assetRoutes(): Route[] {
  const library = path.dirname(createRequire(import.meta.url).resolve("uplot/dist/uPlot.esm.js"));
  return [
    assetRoute("/", path.join(sourceFolder, "index.html")),
    assetRoute("/page/page.css", path.join(sourceFolder, "page.css")),
    assetRoute("/page/icon.svg", path.join(sourceFolder, "icon.svg")),
    assetRoute("/page/uplot.js", path.join(library, "uPlot.esm.js")),
    assetRoute("/page/uplot.css", path.join(library, "uPlot.min.css")),
    ...findModules().map((file) => assetRoute(`/page/${file}`, path.join(builtFolder, file))),
  ];
}

/** None when the page has not been built. */
function findModules(): string[] {
  try {
    return readdirSync(builtFolder).filter((file) => file.endsWith(".js"));
  } catch {
    return [];
  }
}

function assetRoute(address: string, file: string): Route {
  const body = readFileSync(file);
  const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
  const headers = {
    "content-type": types[path.extname(file)]!,
    "content-security-policy": contentSecurityPolicy,
    // May be kept, but is asked for each time: after an update the page is the new one.
    "cache-control": "no-cache",
    etag,
  };
  const get = ({ message }: AdminRequest): Answer =>
    message.headers["if-none-match"] === etag
      ? { status: 304, headers, body: "" }
      : { status: 200, headers, body };
  return { path: address, GET: get };
}
