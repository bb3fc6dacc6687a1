/**
 * kq as a function: a command line and its surroundings in, an exit code out. Puts the commands together,
 * and turns every way in which one can end into an exit code and at most one line on standard error.
 */
import yargs, { type Argv, type Options } from "yargs";
import { aftermathWord, carryOut } from "./aftermath.ts";
import { type Command, nameOf } from "./command.ts";
import { completionWord } from "./commands/completion.ts";
import { commands } from "./commands.ts";
import { complete } from "./completion.ts";
import {
  CommandError,
  type ExitCode,
  exitCodes,
  Interrupted,
  OutputClosed,
  UsageError,
} from "./exit-code.ts";
import { codeOf, explain } from "./failure.ts";
import { type Surroundings, say } from "./surroundings.ts";
import { writeOut } from "./terminal/writing.ts";
import { version } from "./version.ts";

/** Runs one command line (without the program's name). Never throws and never ends the process. */
export async function kq(argv: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  const called = findCommand(argv);
  const name = called === undefined ? "kq" : `kq ${nameOf(called)}`;
  try {
    if (argv[0] === completionWord) {
      const candidates = await complete(argv.slice(1), commands, surroundings);
      await writeOut(surroundings.stdout, candidates.map((candidate) => `${candidate}\n`).join(""));
      return exitCodes.done;
    }
    if (argv[0] === aftermathWord) {
      await carryOut(surroundings);
      return exitCodes.done;
    }
    let run: (() => Promise<ExitCode>) | undefined;
    const parser = define(surroundings, (command, args) => {
      run = () => command.run(args as never, surroundings);
    });
    const text = await parse(parser, arranged(argv, called));
    if (text !== "") await writeOut(surroundings.stdout, `${text}\n`);
    return run === undefined ? exitCodes.done : await run();
  } catch (error) {
    return conclude(name, error, surroundings);
  }
}

function conclude(name: string, error: unknown, surroundings: Surroundings): ExitCode {
  if (error instanceof OutputClosed) return exitCodes.done;
  if (surroundings.interrupted.aborted && isAbort(error)) {
    say(surroundings, `${name}: interrupted`);
    return exitCodes.failed;
  }
  if (error instanceof UsageError || codeOf(error) === "bad-request") {
    say(surroundings, `${name}: ${explain(error)} (see ${name} --help)`);
    return exitCodes.usage;
  }
  say(surroundings, `${name}: ${explain(error)}`);
  const isExpected = error instanceof CommandError || error instanceof Interrupted;
  if (!isExpected && (surroundings.env.KQ_DEBUG ?? "") !== "")
    say(surroundings, String((error as Error).stack));
  return exitCodes.failed;
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === "AbortError" || codeOf(error) === "aborted");
}

type Choose = (command: Command, args: object) => void;

function define(surroundings: Surroundings, choose: Choose): Argv {
  const parser = yargs()
    .scriptName("kq")
    .locale("en")
    .usage("kq <command>\n\nPuts into, gets from and looks after the queues of a Kestrel cluster.")
    .parserConfiguration({
      "parse-numbers": false,
      "parse-positional-numbers": false,
      "dot-notation": false,
      "greedy-arrays": false,
      "populate--": true,
      "boolean-negation": false,
    })
    .updateStrings(plainerWords)
    .exitProcess(false)
    .fail(false)
    .strict()
    .recommendCommands()
    .demandCommand(1, "name a command")
    .version(version)
    .help()
    .epilogue(
      "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 nothing there. `kq <command> --help` has examples.",
    )
    .wrap(Math.min(110, surroundings.stdout.columns ?? 100));
  for (const command of commands) addCommand(parser, command, choose);
  return parser;
}

function addCommand(parser: Argv, command: Command, choose: Choose): void {
  const name = nameOf(command);
  parser.command(
    command.usage.replace(name, yargsNameOf(command)),
    // Commands of several words are told of in the help of the first. (The types have false apart from texts.)
    (name.includes(" ") ? false : command.describe) as string,
    (own) => {
      for (const [key, options] of Object.entries(command.positionals)) {
        own.positional(key, { ...options, coerce: withDashes });
      }
      for (const [key, options] of Object.entries(command.flags)) {
        own.option(key, { group: "Options:", ...onlyOnce(key, options) });
      }
      for (const [line, meaning] of command.examples) own.example(line, meaning);
      const further = commands.filter((other) => nameOf(other).startsWith(`${name} `));
      if (further.length > 0) own.epilogue(`Also:\n${further.map(heading).join("\n")}`);
      return own.version(false).usage(`kq ${command.usage}\n\n${command.describe}`);
    },
    (args) => choose(command, withRest(command, args)),
  );
}

function heading(command: Command): string {
  return `  kq ${command.usage.padEnd(20)} ${command.describe}`;
}

/** A flag that takes one value takes it once; yargs would make an array of two. */
function onlyOnce(key: string, options: Options): Options {
  return {
    ...options,
    coerce(value: unknown) {
      if (Array.isArray(value)) throw new UsageError(`--${key} is given more than once`);
      const own = withDashes(value);
      return options.coerce === undefined ? own : options.coerce(own);
    },
  };
}

/** Stands for `-`, which yargs loses among positional arguments. No argument of a process holds this character. */
const dash = "\0-";

function withDashes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withDashes);
  return value === dash ? "-" : value;
}

/** What follows `--` belongs to the last positional argument, whatever it looks like. */
function withRest(command: Command, args: Record<string, unknown>): object {
  const rest = args["--"] as string[] | undefined;
  if (rest === undefined || rest.length === 0) return args;
  const [last, options] = Object.entries(command.positionals).at(-1) ?? [];
  if (last === undefined || options?.array !== true)
    throw new UsageError(`too many arguments after --: ${rest[0]}`);
  return { ...args, [last]: [...((args[last] as string[] | undefined) ?? []), ...rest] };
}

/** What yargs wants printed: help, the version. Whatever it fails with is the fault of the command line. */
async function parse(parser: Argv, argv: readonly string[]): Promise<string> {
  let text = "";
  try {
    await parser.parseAsync(argv, {}, (error, _args, output) => {
      if (error != null) throw error;
      text = output;
    });
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError((error as Error).message, { cause: error });
  }
  return text;
}

/** The command that a line calls, the one with the longest name if several fit. */
function findCommand(argv: readonly string[]): Command | undefined {
  const fits = (command: Command) =>
    nameOf(command)
      .split(" ")
      .every((word, index) => argv[index] === word);
  return commands.filter(fits).sort((a, b) => nameOf(b).length - nameOf(a).length)[0];
}

/**
 * The line as yargs is to see it: the command's name as one word, and `serve --port 1` as `serve -- --port 1`,
 * so that flags which aren't ours reach the command; `-` in disguise. `-h` asks for help, but is a load test's letter
 * for a host.
 */
function arranged(argv: readonly string[], command: Command | undefined): readonly string[] {
  if (command === undefined) return argv.map((word) => (word === "-h" ? "--help" : word));
  const rest = argv.slice(nameOf(command).split(" ").length);
  const isHelp = rest.length === 1 && (rest[0] === "--help" || rest[0] === "-h");
  if (isHelp) return [yargsNameOf(command), "--help"];
  if (command.isPassedThrough === true && rest.length > 0) return [yargsNameOf(command), "--", ...rest];
  const end = rest.indexOf("--");
  const words = rest.map((word, index) => (word === "-" && (end < 0 || index < end) ? dash : word));
  return [yargsNameOf(command), ...words];
}

function yargsNameOf(command: Command): string {
  return nameOf(command).replaceAll(" ", "-");
}

// yargs looks these up as singular and plural, though its types know of strings only.
const plainerWords = {
  "Not enough non-option arguments: got %s, need at least %s": plural(
    "an argument is missing: %s given, at least %s needed",
  ),
  "Too many non-option arguments: got %s, maximum of %s": plural(
    "too many arguments: %s given, at most %s taken",
  ),
} as unknown as Record<string, string>;

function plural(words: string) {
  return { one: words, other: words };
}
