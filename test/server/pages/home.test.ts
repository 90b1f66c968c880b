import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addGeneration, addRun, HOUR, makeMirror, NOW, openScene, type Scene } from '../scene.js';

describe('/', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await openScene({
      mirrors: [
        makeMirror('debian', { title: 'Debian', description: 'The universal operating system' }),
        makeMirror('fedora', { title: 'Fedora', description: '<script>alert("x")</script>' }),
        makeMirror('gnu', { title: 'GNU' }),
      ],
    });
    for (const [name, ago] of [
      ['debian', 1],
      ['fedora', 20],
    ] as const) {
      addRun(scene, name, { queuedAt: NOW - ago * HOUR });
      addGeneration(scene, name, { confirmedAt: NOW - ago * HOUR, bytes: 1.9e12 });
    }
  });
  afterEach(() => scene.close());

  async function page(path = '/'): Promise<string> {
    return (await request(scene.http).get(path).set('Accept', 'text/html')).text;
  }

  it('says in one line how the mirrors are', async () => {
    expect(await page()).toContain('>1 of 3 current · 1 new · 1 late</p>');
  });

  it('shows each mirror with purpose, freshness, size and where to go', async () => {
    const text = await page();
    const row = /<tr role="row">(?:(?!<\/tr>)[^])*The universal operating system[^]*?<\/tr>/.exec(text)?.[0] ?? '';
    expect(row).toContain('<a class="name" href="/debian/">Debian</a>');
    expect(row).toMatch(/<span class="shape" aria-hidden="true">●<\/span>current/);
    expect(row).toContain('<time datetime="2026-11-23T13:00:00.000Z">13:00 UTC');
    expect(row).toContain('1.9 TB');
    expect(row).toContain('href="/status/debian"');
  });

  it('offers no files of a mirror that has none yet', async () => {
    const text = await page();
    expect(text).toContain('href="/status/gnu"');
    expect(text).not.toContain('href="/gnu/"');
    expect(text).toContain('not published yet');
  });

  it('escapes what the operator wrote', async () => {
    const text = await page();
    expect(text).not.toContain('<script>alert');
    expect(text).toContain('&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;');
  });

  it('finds mirrors by name and purpose, and escapes what was searched', async () => {
    const found = await page('/?q=UNIVERSAL%20system');
    expect(found).toContain('1 of 3 mirrors match “UNIVERSAL system”');
    expect(found).not.toContain('/status/fedora');
    const none = await page('/?q=%22%3E%3Cscript%3E');
    expect(none).toContain('No mirror matches “&#34;&gt;&lt;script&gt;”');
    expect(none).toContain('value="&#34;&gt;&lt;script&gt;"');
    const data = await request(scene.http).get('/?q=gnu').set('Accept', 'application/json');
    expect((data.body as { mirrors: { name: string }[] }).mirrors.map(({ name }) => name)).toEqual(['gnu']);
  });

  it('shows how to reach the operators, as a link only where it is an address', async () => {
    expect(await page()).toContain('<a href="mailto:mirror@example.edu">mirror@example.edu</a>');
    scene.settings = {
      ...scene.settings,
      site: { name: 'X', url: null, contact: 'javascript:alert(1)', mirrorz: null },
    };
    expect(await page()).not.toContain('href="javascript');
    scene.settings = { ...scene.settings, site: { name: 'X', url: null, contact: null, mirrorz: null } };
    expect(await page()).not.toContain('Questions or trouble');
  });

  it('says so when nothing is configured', async () => {
    scene.settings = { ...scene.settings, mirrors: new Map() };
    expect(await page()).toContain('No mirror is configured yet.');
  });
});
