import { describe, expect, test } from 'vitest';
import { parse, problems } from './parsing.js';

const URL = 'url: "https://r"';

describe('registries', () => {
  test.each<[string, string]>([
    ['registries: [docker.io]', 'registries: ["docker.io"] is not a section of keys'],
    ['registries: { quay.io: {} }', 'registries.quay.io.url: is missing'],
    [
      'registries: { "r:5000": { url: "http://r:5000" } }',
      'registries."r:5000": "r:5000" is not the name of a registry:',
    ],
    ['registries: { "r:5000": { url: "http://r:5000" } }', 'they cannot hold ":"; leave the port to "url"'],
    ['registries: { "https://r": { url: "https://r" } }', '"https://r" is not the name of a registry: write its host'],
    [
      'registries: { r_x: { url: "https://r" } }',
      '"r_x" is not the name of a registry: write the host name that clients',
    ],
    ['registries: { r..x: { url: "https://r" } }', '"r..x" is not the name of a registry'],
    [
      'registries: { r: { url: r } }',
      'registries.r.url: "r" is not the address of a registry: write it as https://quay',
    ],
    ['registries: { r: { url: "ftp://r" } }', '"ftp://r" is not the address of a registry: it begins with https:// or'],
    ['registries: { r: { url: "https://r/v2/" } }', 'a path is not allowed; write "https://r"'],
    ['registries: { r: { url: "https://r?x" } }', 'a path is not allowed; write "https://r"'],
    [
      `registries: { r: { ${URL}, budget: 80 } }`,
      'registries.r.budget: 80 is not a budget of pulls in a time of 1m to 7d',
    ],
    [
      `registries: { r: { ${URL}, budget: 0/6h } }`,
      '"0/6h" is not a budget of pulls in a time of 1m to 7d: write it as',
    ],
    [`registries: { r: { ${URL}, budget: 80/6 } }`, '"80/6" is not a budget'],
    [`registries: { r: { ${URL}, budget: 80/8d } }`, '"80/8d" is not a budget'],
    [`registries: { r: { ${URL}, budget: 80/1s } }`, '"80/1s" is not a budget'],
    [
      `registries: { r: { ${URL}, alias: "a:80" } }`,
      'registries.r.alias: "a:80" is not a host name: leave the port away',
    ],
    [
      `registries: { r: { ${URL}, alias: "a/b" } }`,
      'registries.r.alias: "a/b" is not a host name: write it as docker.mir',
    ],
    [`registries: { r: { ${URL}, credentials: "~/x" } }`, 'registries.r.credentials: is not the path of a file'],
    [`registries: { r: { ${URL}, private_addresses: maybe } }`, 'private_addresses: "maybe" is not true or false'],
    [`registries: { r: { ${URL}, on_demand: {} } }`, 'registries.r.on_demand.allow: is missing'],
    [`registries: { r: { ${URL}, on_demand: {} } }`, 'registries.r.on_demand.keep: is missing'],
    [`registries: { r: { ${URL}, on_demand: { allow: [], keep: 1GB } } }`, 'registries.r.on_demand.allow: the list is'],
    [
      `registries: { r: { ${URL}, on_demand: { allow: x, keep: 999MB } } }`,
      'keep: "999MB" is not a size of at least 1GB',
    ],
    [
      `registries: { r: { ${URL}, on_demand: { allow: x, keep: 1GB, recheck: 9s } } }`,
      'registries.r.on_demand.recheck: "9s" is not a duration of 10s to 30d',
    ],
    [
      `registries: { r: { ${URL}, on_demand: { allow: x, keep: 1GB, zones: A } } }`,
      'zones: "A" is not the name of a zone',
    ],
    [
      `registries: { r: { ${URL}, on_demand: { allow: x, keep: 1GB, pin: "x:1" } } }`,
      'registries.r.on_demand.pin: "x:1" holds ":"',
    ],
    [
      `registries: { r: { ${URL}, on_demand: { allow: x, keep: 1GB, pin: r/x } } }`,
      'registries.r.on_demand.pin[0]: "r/x" begins with the registry, which is understood: write "x"',
    ],
    [`registries: { r: { ${URL}, on_demand: { allow: /x, keep: 1GB } } }`, 'allow: "/x" holds an empty part'],
    [
      `registries: { r: { ${URL}, on_demand: { allow: ["x/*", "r/x/*"], keep: 1GB } } }`,
      'registries.r.on_demand.allow[1]: "r/x/*" begins with the registry, which is understood: write "x/*"',
    ],
    [`registries: { r: { ${URL}, on_deman: {} } }`, 'registries.r.on_deman: unknown key; did you mean "on_demand"?'],
    [
      `registries: { docker.io: { ${URL} }, index.docker.io: { ${URL} } }`,
      'registries.index.docker.io: is the same registry as "docker.io": leave one of them',
    ],
    [
      `registries: { debian: { ${URL} } }\nmirrors: { debian: { upstream: /x, schedule: manual } }`,
      'registries.debian: "debian" is the name of a mirror too: give that another one',
    ],
    [
      `registries: { a: { ${URL}, alias: x.y }, b: { ${URL}, alias: X.Y } }`,
      'registries.b.alias: "x.y" is the alias of "a" too: each registry has its own',
    ],
    [
      `registries: { a: { ${URL}, alias: b }, b: { ${URL} } }`,
      'registries.a.alias: "b" is the name of another registry',
    ],
    [
      `site: { url: "https://m.example.edu:8443" }\nregistries: { a: { ${URL}, alias: M.Example.edu } }`,
      'registries.a.alias: "m.example.edu" is the host of site.url: an alias is another name of this server',
    ],
  ])('refuses %s: %s', (text, sentence) => expect(problems(() => parse(text)).join('\n')).toContain(sentence));

  test.each([
    'url: "https://bob:hunter2@r"',
    'url: "bob:hunter2@r"',
    'url: "//hunter2@r"',
    `${URL}, credentials: { username: bob, password: hunter2 }`,
    `${URL}, credentials: [hunter2]`,
    `${URL}, credentials: "bob:hunter2\\n"`,
  ])('never repeats an account that was written as %s', (keys) => {
    const told = problems(() => parse(`registries: { r: { ${keys} } }`)).join('\n');
    expect(told).toMatch(/^registries\.r\.(url|credentials): /);
    expect(told).not.toContain('hunter2');
  });

  test('may have an alias of their own name, plain HTTP, a port, and private addresses', () => {
    const { registries } = parse(
      'registries: { R.Example: { url: "http://127.0.0.1:5000/", alias: R.example, private_addresses: true } }',
    );
    expect([...registries.values()]).toMatchObject([
      { name: 'r.example', url: 'http://127.0.0.1:5000', alias: 'r.example', privateAddresses: true },
    ]);
  });

  test('fetch on demand for all zones, and ask again after 10 minutes, unless it is said', () => {
    const { registries } = parse(`registries: { r: { ${URL}, on_demand: { allow: "**", keep: 1GiB } } }`);
    const onDemand = { allow: ['**'], keep: 1_073_741_824, recheck: 600, zones: [], pin: [] };
    expect(registries.get('r')?.onDemand).toEqual(onDemand);
  });
});

describe('registry', () => {
  test.each<[string, string]>([
    ['registry: { push: "lab/" }', 'registry.push: "lab/" holds an empty part'],
    ['registry: { push: ["Lab/*"] }', 'registry.push[0]: "Lab/*" holds capital letters'],
    ['registry: { push: ["lab/x:1"] }', 'registry.push[0]: "lab/x:1" holds ":"'],
    ['registry: { push: ["lab/{a,b}"] }', 'registry.push[0]: "lab/{a,b}" is not a pattern of repositories: a-z'],
    ['registry: { push: [lab**] }', 'registry.push[0]: "lab**" has "**" within a part, where "*" is enough'],
    ['registry: { push: ["*/*/*/*"] }', 'registry.push[0]: "*/*/*/*" has more than 3 wildcards'],
    ['registry: { push: "" }', 'registry.push: the pattern is empty; "**" stands for all'],
    ['registry: { immutable: ["v["] }', 'registry.immutable[0]: "v[" has a bracket or brace that is not whole'],
    [
      'registry: { retention: [{ repositories: "lab/**" }] }',
      'registry.retention[0]: has no limit, and would let all of its tags go: give at least one of keep_newest, older_than',
    ],
    ['registry: { retention: [{ older_than: 1d }] }', 'registry.retention[0].repositories: is missing'],
    ['registry: { retention: [{ repositories: [], older_than: 1d }] }', 'retention[0].repositories: the list is empty'],
    ['registry: { retention: { repositories: x } }', 'registry.retention: {"repositories":"x"} is not a list'],
    [
      'registry: { retention: [{ repositories: "lab/x:1", older_than: 1d }] }',
      'registry.retention[0].repositories: "lab/x:1" holds ":"',
    ],
    [
      'registry: { retention: [{ repositories: lab/x, tags: ["v["], older_than: 1d }] }',
      'registry.retention[0].tags[0]: "v[" has a bracket or brace that is not whole',
    ],
    [
      'registry: { retention: [{ repositories: lab/x, keep_newest: 0 }] }',
      'registry.retention[0].keep_newest: 0 is not a whole number of 1 to 1000',
    ],
    [
      'registry: { retention: [{ repositories: lab/x, older_than: 30 }] }',
      'registry.retention[0].older_than: 30 is not a duration of 1h to 3650d: write it as 90s, 15m, 1h30m or 7d',
    ],
    [
      'registry: { retention: [{ repositories: lab/x, unpuled_for: 30d }] }',
      'registry.retention[0].unpuled_for: unknown key; did you mean "unpulled_for"?',
    ],
    [
      `registry: { retention: [${Array(101).fill('{ repositories: x, older_than: 1d }').join(', ')}] }`,
      'registry.retention: there are more than 100 rules',
    ],
    [
      `registry: { retention: [{ repositories: [lab/x, r/x], older_than: 1d }] }\nregistries: { r: { ${URL} } }`,
      'registry.retention[0].repositories[1]: "r/x" names repositories of the registry "r", which go by its own rules',
    ],
    ['registry: { max_manifest: 17MiB }', 'registry.max_manifest: "17MiB" is not a size of 1MiB to 16MiB'],
    ['registry: { max_manifest: 1MB }', 'registry.max_manifest: "1MB" is not a size of 1MiB to 16MiB'],
    ['registry: { scrub: { rate: 1kB/s } }', 'registry.scrub.rate: "1kB/s" is not a rate of 1MB/s to 10GB/s'],
    ['registry: { keep: { history: -1 } }', 'registry.keep.history: -1 is not a whole number of 0 to 1000'],
    ['registry: { keep: { grace: 0s } }', 'registry.keep.grace: "0s" is not a duration of 1s to 90d'],
    ['registry: { keep: { untaged: 1d } }', 'registry.keep.untaged: unknown key; did you mean "untagged"?'],
    [
      `registry: { push: ["**"] }\nregistries: { r: { ${URL} } }`,
      'registry.push[0]: "**" opens repositories of the registry "r" too; begin with a part of your own, as lab/*',
    ],
    [`registry: { push: ["*/x"] }\nregistries: { r: { ${URL} } }`, '"*/x" opens repositories of the registry "r" too'],
    [`registry: { push: ["r/x"] }\nregistries: { r: { ${URL} } }`, '"r/x" opens repositories of the registry "r" too'],
    [
      `registry: { push: ["lab/*"] }\nregistries: { r: { ${URL} } }\n` +
        'images: [{ from: r/x, as: lab/x, tags: "*", schedule: manual }]',
      'registry.push[0]: "lab/*" opens "lab/x" too, which is mirrored from upstream',
    ],
  ])('refuses %j: %s', (text, sentence) => expect(problems(() => parse(text)).join('\n')).toContain(sentence));

  test('may open every repository when there is no upstream registry', () => {
    expect(parse('registry: { push: "**" }').registry.push).toEqual(['**']);
  });
});
