import { expect, test } from "vitest";
import { readSettings, SettingsError } from "./schema.ts";

const password = `scrypt$16384$8$1$${"A".repeat(22)}$${"A".repeat(43)}`;
const token = `sha256$${"A".repeat(43)}`;

function problemsOf(config: unknown): readonly string[] {
  try {
    readSettings(config);
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError);
    return (error as SettingsError).problems;
  }
  throw new Error("was accepted");
}

const userName =
  "expected the name of a user (1 to 128 bytes without colons, white space or control characters)";
const pattern = "expected the name of a queue, in which * stands for any characters";

test.each<[string, unknown, string]>([
  ["no name", { users: [{ password }] }, "users[0].name: missing"],
  ["a name with a colon", { users: [{ name: "a:b", password }] }, `users[0].name: ${userName}, got "a:b"`],
  ["a name with a space", { users: [{ name: "a b", password }] }, `users[0].name: ${userName}, got "a b"`],
  [
    "nothing to know it by",
    { users: [{ name: "a" }] },
    "users[0]: has neither password nor token, so nobody could be this user",
  ],
  [
    "a name twice",
    {
      users: [
        { name: "a", password },
        { name: "b", token },
        { name: "a", token },
      ],
    },
    'users[2].name: "a" is there twice',
  ],
  [
    "a pattern that no queue matches",
    { users: [{ name: "a", token, put: ["a.b"] }] },
    `users[0].put[0]: ${pattern}, got "a.b"`,
  ],
  [
    "an empty pattern",
    { users: [{ name: "a", token, get: ["*", ""] }] },
    `users[0].get[1]: ${pattern}, got ""`,
  ],
  [
    "one pattern without a list",
    { users: [{ name: "a", token, get: "*" }] },
    'users[0].get: expected a list, got "*"',
  ],
  [
    "a right that is none",
    { users: [{ name: "a", token, gets: ["*"] }] },
    "users[0].gets: no such setting, did you mean get?",
  ],
  [
    "half an admin",
    { users: [{ name: "a", token, admin: "yes" }] },
    'users[0].admin: expected true or false, got "yes"',
  ],
  ["users by name", { users: { a: { password } } }, "users: expected a list, got an object"],
  [
    "a queue for a stranger",
    { users: [{ name: "a", token }], queues: [5, { name: "q", clientIdForEnqueue: "b" }] },
    'queues[1].clientIdForEnqueue: there is no user "b"',
  ],
  [
    "all queues for a stranger",
    { default: { clientIdForDequeue: "b" } },
    'default.clientIdForDequeue: there is no user "b"',
  ],
  ["TLS without a key", { tls: { all: { cert: "a.pem" } } }, "tls.all.key: missing"],
  ["TLS of a port that isn't there", { tls: { http: { cert: "a", key: "b" } } }, "tls.http: no such setting"],
  [
    "certificates of clients that nobody has given",
    { tls: { text: { cert: "a", key: "b", clientCert: true } } },
    "tls.text: clientCert needs ca, the authorities whose clients are let in",
  ],
])("%s", (_, config, problem) => {
  expect(problemsOf(config)).toContain(problem);
});

test.each(["secret", "sha256$secret", `${password}$`])(
  "what may be a password is not told again",
  (secret) => {
    const problems = problemsOf({ users: [{ name: "a", password: secret, token: secret }] });
    expect(problems).toEqual([
      "users[0].password: expected what kestrel --hash-password prints, got something else",
      "users[0].token: expected what kestrel --make-token says is kept, got something else",
    ]);
  },
);
