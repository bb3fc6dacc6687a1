import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { KestrelConfig } from "./config-file.ts";
import { renderSettings } from "./queue-rules.ts";
import { readSettings, SettingsError } from "./schema.ts";
import { defaultServerSettings } from "./server-settings.ts";
import { defaultQueueSettings, type QueueSettings } from "./settings.ts";
import { queueTable } from "./tables.ts";

const password = `scrypt$16384$8$1$${"A".repeat(22)}$${"A".repeat(43)}`;
const token = `sha256$${"A".repeat(43)}`;

/** The problems of a file; fails when it has none. */
function problemsOf(config: unknown): readonly string[] {
  try {
    readSettings(config);
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError);
    return (error as SettingsError).problems;
  }
  throw new Error("was accepted");
}

describe("a good file", () => {
  test("an empty one means the defaults", () => {
    const { server, queues } = readSettings({});
    expect(server).toEqual(defaultServerSettings);
    expect(queues.settingsFor("orders")).toEqual(defaultQueueSettings);
  });

  test("every setting of a queue", () => {
    const { queues } = readSettings({
      users: [
        { name: "shop", token },
        { name: "billing", token },
      ],
      queues: [
        {
          name: "orders",
          maxItems: 1,
          maxSize: "1GB",
          maxItemSize: "64KB",
          maxAge: "7d",
          maxMemorySize: "1MB",
          defaultJournalSize: 1000,
          maxJournalSize: "2MB",
          minJournalCompactDelay: "5m",
          keepJournal: false,
          syncJournal: 0,
          discardOldWhenFull: true,
          expireToQueue: "late",
          maxExpireSweep: 100,
          fanoutOnly: true,
          maxQueueAge: "1h",
          openTransactionTimeout: "30s",
          enableTrace: true,
          clientIdForEnqueue: "shop",
          clientIdForDequeue: "billing",
        },
      ],
    } satisfies KestrelConfig);
    expect(queues.settingsFor("orders")).toEqual({
      maxItems: 1,
      maxSizeBytes: 2 ** 30,
      maxItemSizeBytes: 65_536,
      maxAgeMs: 604_800_000,
      maxMemorySizeBytes: 2 ** 20,
      defaultJournalSizeBytes: 1000,
      maxJournalSizeBytes: 2 ** 21,
      minJournalCompactDelayMs: 300_000,
      keepJournal: false,
      syncJournal: 0,
      discardOldWhenFull: true,
      expireToQueue: "late",
      maxExpireSweep: 100,
      fanoutOnly: true,
      maxQueueAgeMs: 3_600_000,
      openTransactionTimeoutMs: 30_000,
      enableTrace: true,
      clientIdForEnqueue: "shop",
      clientIdForDequeue: "billing",
    } satisfies QueueSettings);
  });

  test("every setting of the server", () => {
    const { server } = readSettings({
      queuePath: "/var/spool/kestrel",
      listenAddress: "0.0.0.0",
      memcacheListenPort: 0,
      textListenPort: "off",
      thriftListenPort: null,
      admin: { httpPort: 8080, metricsQueuesMax: 50 },
      expirationTimerFrequency: "500ms",
      clientTimeout: "30s",
      maxOpenTransactions: 100,
      connectionBacklog: 1024,
      connectionLimitRefuseReads: 2000,
      connectionLimitRefuseWrites: 1000,
      maxConnections: 3000,
      statusFile: "/var/run/kestrel.status",
      defaultStatus: "read-only",
      statusChangeGracePeriod: "1s",
      enableSessionTrace: true,
      maxItemSize: "1MB",
      maxMemory: "2GB",
      logLevel: "debug",
      zookeeper: {
        host: ["zoo1.example.com", "[fd00::1]:2183"],
        port: 2182,
        pathPrefix: "/kestrel/production/",
        sessionTimeout: "20s",
        advertise: "kestrel1.example.com",
        credentials: { username: "kestrel", password: "secret" },
        acl: "everyone-read-creator-all",
      },
      users: [
        { name: "shop", password, put: ["orders*"] },
        { name: "billing", password, token, get: ["orders+*", "*"], admin: true },
      ],
      tls: {
        all: { cert: "all.pem", key: "all-key.pem" },
        thrift: { cert: "thrift.pem", key: "thrift-key.pem", ca: "ca.pem", clientCert: true },
        text: null,
      },
    } satisfies KestrelConfig);
    expect(server).toEqual({
      queuePath: "/var/spool/kestrel",
      listenAddress: "0.0.0.0",
      memcachePort: 0,
      textPort: null,
      thriftPort: null,
      adminPort: 8080,
      metricsQueuesMax: 50,
      expirationTimerFrequencyMs: 500,
      clientTimeoutMs: 30_000,
      maxOpenTransactions: 100,
      connectionBacklog: 1024,
      connectionLimitRefuseReads: 2000,
      connectionLimitRefuseWrites: 1000,
      maxConnections: 3000,
      statusFile: "/var/run/kestrel.status",
      defaultStatus: "read-only",
      statusChangeGracePeriodMs: 1000,
      enableSessionTrace: true,
      maxItemSizeBytes: 2 ** 20,
      maxMemoryBytes: 2 ** 31,
      logLevel: "debug",
      zookeeper: {
        servers: [
          { host: "zoo1.example.com", port: 2182 },
          { host: "fd00::1", port: 2183 },
        ],
        pathPrefix: "/kestrel/production",
        sessionTimeoutMs: 20_000,
        advertise: "kestrel1.example.com",
        credentials: { username: "kestrel", password: "secret" },
        acl: [
          { scheme: "world", id: "anyone", permissions: "r" },
          { scheme: "auth", id: "", permissions: "cdrwa" },
        ],
      },
      users: [
        { name: "shop", password, token: null, put: ["orders*"], get: [], admin: false },
        { name: "billing", password, token, put: [], get: ["orders+*", "*"], admin: true },
      ],
      tls: {
        memcache: { cert: "all.pem", key: "all-key.pem", ca: null, clientCert: false },
        text: null,
        thrift: { cert: "thrift.pem", key: "thrift-key.pem", ca: "ca.pem", clientCert: true },
        admin: { cert: "all.pem", key: "all-key.pem", ca: null, clientCert: false },
      },
    });
  });

  test("zookeeper's own defaults are Kestrel's", () => {
    const { server } = readSettings({ zookeeper: { host: "zoo", pathPrefix: "/kestrel" } });
    expect(server.zookeeper).toEqual({
      servers: [{ host: "zoo", port: 2181 }],
      pathPrefix: "/kestrel",
      sessionTimeoutMs: 10_000,
      advertise: null,
      credentials: null,
      acl: [{ scheme: "world", id: "anyone", permissions: "cdrwa" }],
    });
  });

  test("null takes away what would be inherited", () => {
    const { queues } = readSettings({ default: { maxItems: 5 }, queues: [{ name: "q", maxItems: null }] });
    expect(queues.settingsFor("q").maxItems).toBeNull();
    expect(queues.settingsFor("r").maxItems).toBe(5);
  });

  test("a status may be written as the protocols write it", () => {
    expect(readSettings({ defaultStatus: "READONLY" }).server.defaultStatus).toBe("read-only");
    expect(readSettings({ defaultStatus: "WriteAvoid" }).server.defaultStatus).toBe("write-avoid");
  });

  test("settings that a module leaves undefined are left out", () => {
    const { server, queues } = readSettings({ clientTimeout: undefined, default: { maxItems: undefined } });
    expect(server).toEqual(defaultServerSettings);
    expect(queues.settingsFor("q")).toEqual(defaultQueueSettings);
  });

  test("aliases may lead to queues, fanouts and aliases", () => {
    const { queues } = readSettings({
      queues: [{ name: "a+x" }],
      aliases: [
        { name: "all", destinationQueues: ["some", "c"] },
        { name: "some", destinationQueues: ["a+x", "b"] },
      ],
    });
    expect(queues.findDestinations("all")).toEqual(["some", "c"]);
    expect(queues.fanoutNames).toEqual(["a+x"]);
  });
});

describe("a bad file", () => {
  test.each<[string, unknown, string]>([
    ["no object", [], "expected an object of settings, got a list"],
    ["nothing at all", null, "expected an object of settings, got null"],
    [
      "a text for a number",
      { queues: [{ name: "a" }, { name: "b" }, { name: "c", maxItems: "many" }] },
      'queues[2].maxItems: expected a whole number of items, got "many"',
    ],
    [
      "half an item",
      { default: { maxItems: 1.5 } },
      "default.maxItems: expected a whole number of items, got 1.5",
    ],
    [
      "a size without a unit",
      { default: { maxSize: "128" } },
      'default.maxSize: expected a size such as 65536, "64KB" or "128MB", got "128"',
    ],
    [
      "a size of nothing",
      { default: { maxMemorySize: null } },
      'default.maxMemorySize: expected a size such as 65536, "64KB" or "128MB", got null',
    ],
    [
      "a strange duration",
      { clientTimeout: "soon" },
      'clientTimeout: expected a duration such as "100ms", "30s", "5m", "1h", "7d" or a number of milliseconds, more than 0, got "soon"',
    ],
    [
      "a strange sync period",
      { default: { syncJournal: "always" } },
      'default.syncJournal: expected "never", 0 (before each answer) or a duration such as "100ms", got "always"',
    ],
    [
      "a word for a flag",
      { default: { keepJournal: "yes" } },
      'default.keepJournal: expected true or false, got "yes"',
    ],
    [
      "a port that is none",
      { memcacheListenPort: 65_536 },
      'memcacheListenPort: expected a port from 1 to 65535, 0 for any free one, or "off", got 65536',
    ],
    [
      "a port in a section",
      { admin: { httpPort: "on" } },
      'admin.httpPort: expected a port from 1 to 65535, 0 for any free one, or "off", got "on"',
    ],
    [
      "an unknown setting",
      { default: { maxItms: 1 } },
      "default.maxItms: no such setting, did you mean maxItems?",
    ],
    [
      "another case",
      { maxopentransactions: 1 },
      "maxopentransactions: no such setting, did you mean maxOpenTransactions?",
    ],
    [
      "a name from Kestrel's own files",
      { default: { whiteListClientIdForEnqueue: "shop" } },
      "default.whiteListClientIdForEnqueue: no such setting, did you mean clientIdForEnqueue?",
    ],
    ["a setting like no other", { colour: "red" }, "colour: no such setting"],
    [
      "a queue's setting in the wrong place",
      { keepJournal: false },
      'keepJournal: no such setting, it belongs to a queue, or to "default" for all queues',
    ],
    ["a name that needs quotes", { "my setting": 1 }, '["my setting"]: no such setting'],
    ["a queue without a name", { queues: [{ maxItems: 1 }] }, "queues[0].name: missing"],
    [
      "a bad name",
      { queues: [{ name: "a/b" }] },
      'queues[0].name: expected the name of a queue (1 to 250 bytes without / ~ . white space or control characters), got "a/b"',
    ],
    ["queues that are no list", { queues: { orders: {} } }, "queues: expected a list, got an object"],
    [
      "a queue that is no object",
      { queues: ["orders"] },
      'queues[0]: expected an object of settings, got "orders"',
    ],
    [
      "an alias to nowhere",
      { aliases: [{ name: "all", destinationQueues: [] }] },
      "aliases[0].destinationQueues: expected at least one queue, got none",
    ],
    [
      "an alias without destinations",
      { aliases: [{ name: "all" }] },
      "aliases[0].destinationQueues: missing",
    ],
    [
      "a bad destination",
      { aliases: [{ name: "all", destinationQueues: ["a", 5] }] },
      "aliases[0].destinationQueues[1]: expected the name of a queue (1 to 250 bytes without / ~ . white space or control characters), got 5",
    ],
    ["a zookeeper without a host", { zookeeper: { pathPrefix: "/k" } }, "zookeeper.host: missing"],
    [
      "a zookeeper at no port",
      { zookeeper: { host: "zoo:0", pathPrefix: "/k" } },
      'zookeeper.host: expected a host name or an address, or several such as "zoo1,zoo2:2182", got "zoo:0"',
    ],
    [
      "a zookeeper with a password that is not shown",
      { zookeeper: { host: "zoo", pathPrefix: "/k", credentials: { username: "u", password: 12345 } } },
      "zookeeper.credentials.password: expected a text, got something else",
    ],
    [
      "a zookeeper with a strange path",
      { zookeeper: { host: "zoo", pathPrefix: "kestrel" } },
      'zookeeper.pathPrefix: expected a path that begins with "/", got "kestrel"',
    ],
    [
      "a zookeeper that nobody could write to",
      { zookeeper: { host: "zoo", pathPrefix: "/k", acl: "everyone-read-creator-all" } },
      'zookeeper: the acl "everyone-read-creator-all" needs credentials',
    ],
    [
      "a strange acl",
      { zookeeper: { host: "zoo", pathPrefix: "/k", acl: ["world:anyone:x"] } },
      'zookeeper.acl: expected "open-unsafe", "everyone-read-creator-all" or a list of entries such as "world:anyone:r", got a list',
    ],
    [
      "a strange status",
      { defaultStatus: "down" },
      'defaultStatus: expected one of "up", "write-avoid", "read-only", "quiescent", got "down"',
    ],
  ])("%s", (_, config, problem) => {
    expect(problemsOf(config)).toEqual([problem]);
  });

  test.each<[string, KestrelConfig, string]>([
    [
      "a queue twice",
      { queues: [{ name: "a" }, { name: "b" }, { name: "a" }] },
      'queues[2].name: "a" is configured twice, first in queues[0]',
    ],
    [
      "an alias twice",
      {
        aliases: [
          { name: "a", destinationQueues: ["x"] },
          { name: "a", destinationQueues: ["y"] },
        ],
      },
      'aliases[1].name: "a" is configured twice, first in aliases[0]',
    ],
    [
      "a queue and an alias of one name",
      { queues: [{ name: "a" }], aliases: [{ name: "a", destinationQueues: ["x"] }] },
      'queues[0].name: "a" is an alias too',
    ],
    [
      "a fanout of an alias",
      { queues: [{ name: "a+x" }], aliases: [{ name: "a", destinationQueues: ["b"] }] },
      'queues[0].name: the parent of "a+x" is an alias, and takes no items itself',
    ],
    [
      "an alias named like a fanout",
      { aliases: [{ name: "a+x", destinationQueues: ["b"] }] },
      'aliases[0].name: an alias can\'t be a fanout ("a+x")',
    ],
    [
      "an alias that names a queue twice",
      { aliases: [{ name: "all", destinationQueues: ["b", "b"] }] },
      "aliases[0].destinationQueues: a queue is named twice",
    ],
    [
      "an alias of itself",
      { aliases: [{ name: "a", destinationQueues: ["b", "a"] }] },
      'aliases[0].destinationQueues[1]: "a" leads back to "a"',
    ],
    [
      "a fanout of a fanout",
      { queues: [{ name: "a+b+c" }] },
      'queues[0].name: a fanout has no fanouts ("a+b+c")',
    ],
    [
      "half a fanout",
      { queues: [{ name: "a+" }] },
      'queues[0].name: a fanout\'s name is parent+child, got "a+"',
    ],
    [
      "a destination that is half a fanout",
      { aliases: [{ name: "all", destinationQueues: ["+b"] }] },
      'aliases[0].destinationQueues[0]: a fanout\'s name is parent+child, got "+b"',
    ],
    [
      "a queue that expires into itself",
      { queues: [{ name: "a", expireToQueue: "a" }] },
      'queues[0].expireToQueue: "a" would expire into itself',
    ],
    [
      "a queue that expires into itself by way of an alias",
      {
        queues: [{ name: "a", expireToQueue: "all" }],
        aliases: [{ name: "all", destinationQueues: ["a", "b"] }],
      },
      'queues[0].expireToQueue: "a" would expire into itself',
    ],
  ])("%s", (_, config, problem) => {
    expect(problemsOf(config)).toEqual([problem]);
  });

  test("a ring of aliases is told at each of them", () => {
    const aliases = [
      { name: "a", destinationQueues: ["b"] },
      { name: "b", destinationQueues: ["c"] },
      { name: "c", destinationQueues: ["a"] },
    ];
    expect(problemsOf({ aliases })).toEqual([
      'aliases[0].destinationQueues[0]: "b" leads back to "a"',
      'aliases[1].destinationQueues[0]: "c" leads back to "b"',
      'aliases[2].destinationQueues[0]: "a" leads back to "c"',
    ]);
  });

  test("all problems come at once, and each once", () => {
    const problems = problemsOf({
      maxOpenTransactions: -1,
      colour: "red",
      sound: "loud",
      default: { maxItems: "many", maxAge: "old" },
      queues: [{ name: "a" }, { name: "a", keepJournal: 1 }, 7],
    });
    expect(problems.map((problem) => problem.split(":")[0]).sort()).toEqual([
      "colour",
      "default.maxAge",
      "default.maxItems",
      "maxOpenTransactions",
      "queues[1].keepJournal",
      "queues[1].name",
      "queues[2]",
      "sound",
    ]);
  });

  test("the message names the file and fits in one line", () => {
    expect(() => readSettings({ colour: "a\nb", sound: 1 }, "kestrel.json")).toThrow(
      new SettingsError("kestrel.json", ["colour: no such setting", "sound: no such setting"]),
    );
    expect(() => readSettings({ colour: "a\nb", sound: 1 }, "kestrel.json")).toThrow(
      /^kestrel\.json: colour: no such setting; sound: no such setting$/,
    );
  });
});

const rulesArbitrary = fc.record(
  Object.fromEntries(
    (Object.keys(queueTable) as (keyof QueueSettings)[]).map((field) => {
      const { kind } = queueTable[field];
      const candidates = [null, 0, 1, 1000, 2 ** 27, true, false, "never", "orders", "late"];
      return [field, fc.constantFrom(...candidates.filter((one) => kind.parse(one) === one))];
    }),
  ),
) as unknown as fc.Arbitrary<QueueSettings>;

test("effective rules, written as a file, mean the same rules", () => {
  fc.assert(
    fc.property(rulesArbitrary, (rules) => {
      const entries = renderSettings(rules).map(([name, value]) => {
        if (value === "none") return [name, null];
        return [name, /^(true|false|\d+)$/.test(value) ? JSON.parse(value) : value];
      });
      const users = ["never", "orders", "late"].map((name) => ({ name, token }));
      const { queues } = readSettings({ users, queues: [{ name: "q", ...Object.fromEntries(entries) }] });
      expect(queues.settingsFor("q")).toEqual(rules);
    }),
  );
});

test("whatever stands in a setting's place, the path of the setting is named or it is accepted", () => {
  const fields = Object.values(queueTable);
  fc.assert(
    fc.property(fc.constantFrom(...fields), fc.anything(), fc.nat(3), (row, value, before) => {
      const others = Array.from({ length: before }, (_, i) => ({ name: `q${i}` }));
      const config = { queues: [...others, { name: "orders", [row.name]: value }] };
      if (value === undefined || row.kind.parse(value) !== undefined) return;
      const problems = problemsOf(config);
      expect(problems).toHaveLength(1);
      expect(problems[0]).toMatch(`queues[${before}].${row.name}: expected ${row.kind.expected}, got `);
    }),
  );
});

test("whatever a file holds, it is accepted or refused with SettingsError", () => {
  const names = fc.constantFrom("queues", "aliases", "default", "zookeeper", "admin", "name", "maxItems");
  const values = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.anything({ maxDepth: 1 }),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(names, tie("value"), { maxKeys: 4 }),
    ),
  })).value;
  fc.assert(
    fc.property(values, (config) => {
      try {
        readSettings(config);
      } catch (error) {
        expect(error).toBeInstanceOf(SettingsError);
      }
    }),
  );
});
