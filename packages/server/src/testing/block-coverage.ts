/**
 * Which blocks of our own source have been run so far, by V8's precise coverage of this process. Blocks are told by
 * their places in what V8 runs, the transformed source; tests and what helps them don't count.
 */
import { Session } from "node:inspector";

interface ScriptCoverage {
  readonly scriptId: string;
  readonly url: string;
  readonly functions: readonly { readonly ranges: readonly CoveredRange[] }[];
}

interface CoveredRange {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

/** What is known of a script: which of its characters were run, and where blocks begin and end. */
interface Script {
  covered: Uint8Array;
  readonly bounds: Set<number>;
}

const isOurs = (url: string): boolean =>
  url.includes("/packages/server/src/") && !url.includes("/testing/") && !url.endsWith(".test.ts");

export class BlockCoverage implements Disposable {
  readonly #session: Session = new Session();
  readonly #scripts: Map<string, Script> = new Map();
  readonly #counts: (url: string) => boolean;

  /** Begins to watch. `counts`: of which files; those of this package unless given. */
  constructor(counts: (url: string) => boolean = isOurs) {
    this.#counts = counts;
    this.#session.connect();
    this.#ask("Profiler.enable");
    this.#ask("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  /** Blocks that were run, and all that are known: those of functions of which any part was run. */
  get blocks(): { reached: number; known: number } {
    const blocks = { reached: 0, known: 0 };
    for (const { covered, bounds } of this.#scripts.values()) {
      const places = [...bounds].sort((a, b) => a - b);
      for (const [index, from] of places.entries()) {
        if (index === places.length - 1) break;
        blocks.known++;
        if (covered[from] === 1) blocks.reached++;
      }
    }
    return blocks;
  }

  /** Whether anything was run since the last look that was not run before. It counts as run from now on. */
  takeNew(): boolean {
    return this.#look(true);
  }

  /** The same, and it counts as not run still. */
  seesNew(): boolean {
    return this.#look(false);
  }

  #look(isKept: boolean): boolean {
    const { result } = this.#ask("Profiler.takePreciseCoverage") as { result: ScriptCoverage[] };
    const ours = result.filter(({ url }) => this.#counts(url));
    return ours.map((script) => this.#add(script, isKept)).includes(true);
  }

  #add({ scriptId, functions }: ScriptCoverage, isKept: boolean): boolean {
    const end = functions.reduce((last, { ranges }) => Math.max(last, ranges[0]!.endOffset), 0);
    // Ranges nest, and the outer ones come first: what is inside has the last word.
    const now = new Uint8Array(end);
    const script = this.#script(scriptId, end);
    for (const { ranges } of functions) {
      for (const { startOffset, endOffset, count } of ranges) {
        script.bounds.add(startOffset).add(endOffset);
        now.fill(count > 0 ? 1 : 0, startOffset, endOffset);
      }
    }
    let isNew = false;
    for (let at = 0; at < end; at++) {
      if (now[at] === 0 || script.covered[at] === 1) continue;
      isNew = true;
      if (!isKept) return true;
      script.covered[at] = 1;
    }
    return isNew;
  }

  #script(id: string, size: number): Script {
    let script = this.#scripts.get(id);
    if (script === undefined)
      this.#scripts.set(id, (script = { covered: new Uint8Array(), bounds: new Set() }));
    if (script.covered.length < size) {
      const wider = new Uint8Array(size);
      wider.set(script.covered);
      script.covered = wider;
    }
    return script;
  }

  /** Answered before it returns. */
  #ask(method: string, parameters: object = {}): object | undefined {
    let answer: object | undefined;
    this.#session.post(method, parameters, (error, result) => {
      if (error !== null) throw error;
      answer = result;
    });
    return answer;
  }

  [Symbol.dispose](): void {
    this.#session.disconnect();
  }
}
