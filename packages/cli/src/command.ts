/**
 * What a command of kq is: what it says about itself, what it takes, and what it does. One file per command
 * in `commands/` holds one of these; `kq.ts` puts them together.
 */
import type { ArgumentsCamelCase, InferredOptionTypes, Options, PositionalOptions } from "yargs";
import type { ExitCode } from "./exit-code.ts";
import type { Surroundings } from "./surroundings.ts";

type Flags = Record<string, Options>;
type Positionals = Record<string, PositionalOptions>;

export interface CommandSpec<P extends Positionals, F extends Flags> {
  /** The command as it is typed, with its positional arguments: `put <queue> [items..]`. */
  usage: string;
  /** One line, in the list of commands and at the head of its help. */
  describe: string;
  /** Lines that work as they stand, each with what it does. */
  examples: readonly (readonly [line: string, meaning: string])[];
  positionals: P;
  flags: F;
  /** Everything after the command's name goes to `run` as it is, flags too. */
  isPassedThrough?: boolean;
  run(args: Arguments<P, F>, surroundings: Surroundings): Promise<ExitCode>;
}

type Arguments<P extends Positionals, F extends Flags> = ArgumentsCamelCase<
  InferredOptionTypes<P> & InferredOptionTypes<F>
>;

/** The words with which a command is called: `put`, or `load flood`. */
export function nameOf(command: Pick<Command, "usage">): string {
  return command.usage.split(/ [<[]/, 1)[0]!;
}

/** A command whose arguments' types have been checked where it was defined. */
export type Command = CommandSpec<Positionals, Flags>;

/** Checks `run` against the types of the arguments that yargs will give it. */
export function defineCommand<const P extends Positionals, const F extends Flags>(
  spec: CommandSpec<P, F>,
): Command {
  return spec as unknown as Command;
}

/** The flag that every command has which puts out data. */
export const jsonFlag = {
  json: { type: "boolean", group: "Output:", describe: "Put out JSON, for programs" },
} as const;
