import { describe, expect, it } from 'vitest';
import { checkPresets } from '../../cli/check/presets.js';
import { parseSettings } from '../../config/load.js';

function checked(...lines: string[]) {
  const text = ['mirrors:', '  m:', ...lines.map((line) => `    ${line}`)].join('\n');
  return checkPresets(parseSettings(text, '/x/millpond.yaml'));
}

describe('checkPresets', () => {
  it('says nothing of a mirror without a preset', () => {
    expect(checked('upstream: /srv/x/', 'every: 1h')).toEqual([]);
  });

  it('tells what the project asks of a mirror that keeps to its rules', () => {
    const [found, ...rest] = checked('preset: rocky');
    expect(rest).toEqual([]);
    expect(found).toMatchObject({ check: 'm', ok: true, remedy: '' });
    expect(found?.text).toBe('keeps to the preset "rocky"\nasked of a mirror: A connection of 1 Gbit/s.');
  });

  it('wants to be confirmed what the project does not want', () => {
    const [found] = checked('preset: apache');
    expect(found).toMatchObject({
      ok: false,
      text: 'Apache Software Foundation is closed, and that was not confirmed',
    });
    expect(found?.remedy).toContain('confirmed: [closed, private-only]');
    expect(checked('preset: apache', 'confirmed: [closed]')[0]?.ok).toBe(false);
    expect(checked('preset: apache', 'confirmed: [closed, private-only]')[0]?.ok).toBe(true);
  });

  it('finds a source that is forbidden, however it is written', () => {
    const [found] = checked('preset: debian', 'upstream: "FTP.us.debian.org::debian/"');
    expect(found).toMatchObject({ ok: false });
    expect(found?.text).toBe(
      'ftp.us.debian.org must not be mirrored from: It stands for several machines, whose states differ.',
    );
  });

  it('finds a rhythm that is denser than the project allows', () => {
    const [found] = checked('preset: cran', 'confirmed: [registration]', 'every: 6h');
    expect(found).toMatchObject({ ok: false, text: 'runs 4 times a day, and upstream allows 2' });
    expect(checked('preset: cran', 'confirmed: [registration]', 'every: 12h')[0]?.ok).toBe(true);
  });

  it('finds a pace that no longer keeps a schedule to what the project allows', () => {
    const cron = (...more: string[]) =>
      checked('preset: cran', 'confirmed: [registration]', 'schedule: "*/10 * * * *"', ...more)[0];
    expect(cron()?.ok).toBe(true);
    expect(cron('pace: { max_per_day: 1 }')?.ok).toBe(true);
    for (const pace of ['pace: { jitter: 5m }', 'pace: { max_per_day: 3 }'])
      expect(cron(pace)).toMatchObject({
        ok: false,
        text: 'has a "pace:" that lets it run more often than the 2 times a day that upstream allows',
        remedy: 'Write "max_per_day: 2" into its "pace:".',
      });
  });
});
