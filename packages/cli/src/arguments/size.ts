/** Sizes for people: `512 B`, `1.5 kB`, `64 MB`; steps of 1024, as Kestrel's settings have them. */
const units = ["B", "kB", "MB", "GB", "TB"] as const;

export function renderBytes(bytes: number): string {
  let step = 0;
  let size = bytes;
  while (size >= 1000 && step < units.length - 1) {
    size /= 1024;
    step++;
  }
  return `${step === 0 || size >= 10 ? Math.round(size) : size.toFixed(1)} ${units[step]}`;
}
