import { expect, it } from "vitest";
import { renderLogLine } from "./log-line.ts";

it.each([
  ['{"level":30,"time":"2026-11-22T14:50:57.520Z","msg":"stopping"}', "14:50:57.520 stopping"],
  [
    '{"level":50,"time":1795357857520,"pid":1,"msg":"damage","queue":"work","ids":[1,2]}',
    "14:30:57.520 error damage queue=work ids=[1,2]",
  ],
  ["Error: no JSON", "Error: no JSON"],
  ["{torn", "{torn"],
  ["{}", ""],
])("%s", (line, words) => {
  expect(renderLogLine(line)).toBe(words);
});
