import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeMirror, openScene, publish, type Scene } from '../scene.js';

describe('the page of a folder', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await openScene({ mirrors: [makeMirror('debian', { title: 'Debian' })] });
    const files = {
      'pool/a.deb': 'x'.repeat(2000),
      'pool/<script>alert(1).txt': 'y',
      'pool/sub/b.deb': 'z',
      README: 'r',
    };
    await publish(scene, 'debian', files);
    await symlink('a.deb', join(scene.layout.slot('debian', 'a'), 'pool', 'latest.deb'));
  });
  afterEach(() => scene.close());

  async function page(path: string): Promise<string> {
    const answer = await request(scene.http).get(path).set('Accept', 'text/html');
    expect([path, answer.status]).toEqual([path, 200]);
    expect(answer.headers['content-security-policy']).toContain("connect-src 'self'");
    return answer.text;
  }

  it('shows where it is, how fresh, and its entries with size and time', async () => {
    const text = await page('/debian/pool/');
    expect(text).toContain('<a href="/debian/">debian</a>');
    expect(text).toContain('as of <time datetime="2026-11-23T13:50:00.000Z">2026-11-23 13:50 UTC</time>');
    expect(text).toContain('href="/status/debian"');
    expect(text).toContain('<a href="a.deb">a.deb</a>');
    expect(text).toContain('title="2,000 bytes">2.0 kB');
    expect(text).toContain('<a href="sub/">sub/</a>');
    expect(text).toContain('<a href="../">');
    expect(text).toContain('<span class="target">→ a.deb</span>');
    expect(text).toMatch(/<\/table>[^]*<\/html>\s*$/);
  });

  it('has no way up at the root of a mirror', async () => {
    expect(await page('/debian/')).not.toContain('href="../"');
  });

  it('escapes names', async () => {
    const text = await page('/debian/pool/');
    expect(text).not.toContain('<script>alert');
    expect(text).toContain('&lt;script&gt;alert(1).txt</a>');
  });

  it('sorts by links that keep the filter, and marks the column', async () => {
    const text = await page('/debian/pool/?C=S&O=A&q=deb');
    expect(text).toContain('aria-sort="ascending"><a href="?C=S&amp;O=D&amp;q=deb"');
    expect(text).toContain('aria-sort="none"><a href="?C=N&amp;O=A&amp;q=deb"');
    expect(text).toContain('<input type="hidden" name="C" value="S">');
    expect(text).toContain('href="?C=S&amp;O=A&amp;q=deb&amp;format=json"');
  });

  it('filters, says how many match, and escapes the filter', async () => {
    expect(await page('/debian/pool/?q=a.de')).toContain('1 of 4 match');
    expect(await page('/debian/pool/?q=%22%3E%3Ci%3E')).toContain('No name here contains “&#34;&gt;&lt;i&gt;”');
  });
});
