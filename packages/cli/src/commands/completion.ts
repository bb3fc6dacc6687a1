/**
 * `kq completion`: makes a shell complete kq's commands, flags, queues and nodes.
 */
import { type Command, defineCommand } from "../command.ts";
import { exitCodes } from "../exit-code.ts";
import { writeOut } from "../terminal/writing.ts";

/** The word with which the scripts ask kq for candidates. */
export const completionWord = "__complete";

// A colon ends a word for bash, so what is before it in a node's name must not be given back.
const bash = `# Completion of kq for bash. Put into ~/.bashrc:  eval "$(kq completion bash)"
_kq() {
  local line="\${COMP_LINE:0:COMP_POINT}" words word prefix
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  word="\${words[\${#words[@]}-1]}"
  prefix="\${word%"\${word##*:}"}"
  COMPREPLY=()
  while IFS= read -r word; do
    COMPREPLY+=("\${word#"$prefix"}")
  done < <(kq ${completionWord} "\${words[@]:1}" 2>/dev/null)
}
complete -o bashdefault -o default -F _kq kq
`;

const zsh = `#compdef kq
# Completion of kq for zsh. Put into ~/.zshrc, after compinit:  eval "$(kq completion zsh)"
_kq() {
  local -a candidates
  candidates=("\${(@f)$(kq ${completionWord} "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${candidates[1]}" ]]; then compadd -a candidates; else _files; fi
}
compdef _kq kq
`;

const fish = `# Completion of kq for fish. Run once:  kq completion fish > ~/.config/fish/completions/kq.fish
complete -c kq -f -a '(kq ${completionWord} (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
complete -c kq -n '__fish_seen_subcommand_from dump load' -F
`;

const scripts: Readonly<Record<string, string>> = { bash, zsh, fish };

export const completionCommand: Command = defineCommand({
  usage: "completion <shell>",
  describe: "Print a script that lets a shell complete kq, queues and nodes included",
  examples: [
    ['eval "$(kq completion bash)"', "in ~/.bashrc"],
    ['eval "$(kq completion zsh)"', "in ~/.zshrc, after compinit"],
    ["kq completion fish > ~/.config/fish/completions/kq.fish", "once"],
  ],
  positionals: { shell: { choices: ["bash", "zsh", "fish"], demandOption: true, describe: "The shell" } },
  flags: {},
  async run(args, { stdout }) {
    await writeOut(stdout, scripts[args.shell]!);
    return exitCodes.done;
  },
});
