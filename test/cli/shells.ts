/** What bash, zsh and fish make of a line when the tab key is pressed at its end, with the completion that kq prints. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, symlink } from "node:fs/promises";
import { TempFolder } from "../harness/temp-folder.ts";
import { kqProgram } from "./kq-process.ts";

export type ShellName = "bash" | "zsh" | "fish";

const shellMsMax = 50_000;

/** Prints what is offered for the line in $1, a candidate a line. */
const scripts: Readonly<Record<ShellName, string>> = {
  bash: `
    eval "$(kq completion bash)"
    complete -p kq >/dev/null || exit 9
    COMP_LINE=$1 COMP_POINT=\${#1}
    _kq
    printf '%s\\n' "\${COMPREPLY[@]}"`,
  fish: `
    kq completion fish | source
    complete -C $argv[1]`,
  // Typed into a terminal, since zsh completes nowhere else; the line is told as the key has left it.
  zsh: `
    zmodload zsh/zpty
    zpty inner zsh -f -i
    zpty -w inner 'autoload -Uz compinit; compinit -u -D; eval "$(kq completion zsh)"; tell() { print -r -- "$BUFFER" > $HOME/line }; zle -N tell; bindkey "^X" tell; setopt no_beep; print > $HOME/ready'
    until [[ -e $HOME/ready ]]; do zpty -r -t inner _; sleep 0.05; done
    zpty -w -n inner "$1"$'\\t\\x18'
    until [[ -s $HOME/line ]]; do zpty -r -t inner _; sleep 0.05; done
    cat $HOME/line
    zpty -d inner`,
};

const flags: Readonly<Record<ShellName, readonly string[]>> = {
  bash: ["--norc", "-c"],
  fish: ["--no-config", "-c"],
  zsh: ["-f", "-c"],
};

export function hasShell(shell: ShellName): boolean {
  return spawnSync(shell, ["--version"]).status === 0;
}

/** Of bash and fish the candidates; of zsh the line after the key, without white space at its end. */
export async function pressTab(
  shell: ShellName,
  line: string,
  servers: readonly string[],
): Promise<string[]> {
  await using folder = await TempFolder.create();
  await mkdir(`${folder.path}/bin`);
  await symlink(kqProgram, `${folder.path}/bin/kq`);
  const name = shell === "fish" ? [] : [shell];
  const child = spawn(shell, [...flags[shell], scripts[shell], ...name, line], {
    cwd: folder.path,
    env: {
      PATH: `${folder.path}/bin:${process.env.PATH}`,
      HOME: folder.path,
      TERM: "dumb",
      KESTREL_SERVERS: servers.join(","),
    },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: shellMsMax,
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk) => (out += chunk));
  child.stderr.on("data", (chunk) => (err += chunk));
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${shell} ended with ${code}: ${err}`);
  return out
    .split("\n")
    .map((candidate) => candidate.split("\t", 1)[0]!.trimEnd())
    .filter((candidate) => candidate !== "")
    .sort();
}
