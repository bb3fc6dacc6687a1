/** A section's bars as a picture: one bar a line, as long as its value, readable on light and dark pages. */

import type { Bar } from "./section.ts";

const width = 720;
const lineHeight = 26;
const barHeight = 16;
const labelWidth = 170;
const textWidth = 110;

export function renderChartSvg(title: string, bars: readonly Bar[]): string {
  const height = bars.length * lineHeight;
  const most = Math.max(...bars.map(({ value }) => value));
  const lines = bars.flatMap(({ label, value, text }, i) => {
    const middle = i * lineHeight + lineHeight / 2;
    const length = Math.max(1, Math.round((value / most) * (width - labelWidth - textWidth)));
    const y = middle - barHeight / 2;
    return [
      `  <text x="${labelWidth - 8}" y="${middle}" text-anchor="end">${escapeText(label)}</text>`,
      `  <rect x="${labelWidth}" y="${y}" width="${length}" height="${barHeight}" rx="2"/>`,
      `  <text x="${labelWidth + length + 8}" y="${middle}">${escapeText(text)}</text>`,
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    `  <title>${escapeText(title)}</title>`,
    "  <style>",
    "    text { font: 13px sans-serif; dominant-baseline: central; fill: #57606a }",
    "    rect { fill: #3b82c4 }",
    "    @media (prefers-color-scheme: dark) { text { fill: #adb5bd } }",
    "  </style>",
    ...lines,
    "</svg>",
    "",
  ].join("\n");
}

function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
