import type { Preset } from '../config/presets.js';
import { formatBytes } from '../core/units.js';
import { stringify } from 'yaml';
import { table } from './table.js';

/** One line a preset: what it is called in the configuration, its name, how it stands, how large, how often. */
export function presetsTable(presets: readonly Preset[]): string {
  const rows = presets.map((preset) => [
    preset.id,
    preset.status,
    preset.size === 'unknown' ? 'unknown' : `${formatBytes(preset.size.bytes)} (${preset.size.as_of})`,
    String(preset.policy.recommended_per_day),
    preset.name,
  ]);
  return table([['PRESET', 'STATUS', 'SIZE (AS OF)', 'RUNS A DAY', 'NAME'], ...rows]);
}

/** All that is known, each with where it comes from. */
export function presetText(preset: Preset): string {
  const { policy } = preset;
  const from = (field: string): string => provenanceWords(preset, field);
  const list = (title: string, lines: readonly string[], field: string): string[] =>
    lines.length === 0 ? [] : [`${title}${from(field)}`, ...lines.map((line) => `  - ${line}`)];
  return [
    `${preset.name} (${preset.id}), ${preset.homepage}`,
    `collected ${preset.collected}`,
    `status: ${preset.status}${from('status')}`,
    ...list('before you mirror it:', preset.notices, 'notices'),
    ...list('to be confirmed:', preset.confirm, 'status'),
    ...list('sources:', preset.sources.map(sourceWords), 'sources'),
    ...list(
      'not wanted:',
      preset.forbidden.map(({ host, what }) => (host ? `${host}: ${what}` : what)),
      'forbidden',
    ),
    `runs a day, recommended: ${policy.recommended_per_day}${from('policy.recommended_per_day')}`,
    `runs a day, at most: ${policy.max_per_day}${from('policy.max_per_day')}`,
    `runs a day, at least: ${policy.min_per_day}${from('policy.min_per_day')}`,
    `when: ${policy.timing}${from('policy.timing')}`,
    ...list('asked of a mirror:', policy.requirements, 'policy.requirements'),
    ...list('also:', policy.texts, 'policy.texts'),
    `size: ${sizeWords(preset)}${from('size')}`,
    ...list('may be chosen:', Object.entries(preset.select).map(selectWords), 'select'),
    'what it gives to a mirror:',
    ...Object.entries(preset.mirror).flatMap(([key, value]) => mirrorLines(key, value, from(`mirror.${key}`))),
    ...list(
      'serving:',
      [...preset.serving.protocols.map((each) => `over ${each}`), ...preset.serving.rules],
      'serving',
    ),
    `signed: ${signatureWords(preset)}${from('signature')}`,
  ].join('\n');
}

/** The size with its date and what it covers, for one who has to decide. */
export function sizeWords({ size }: Preset): string {
  if (size === 'unknown') return 'unknown';
  return `${formatBytes(size.bytes)} (${size.as_of})${size.note === undefined ? '' : `: ${size.note.replace(/\.$/, '')}`}`;
}

function sourceWords({ url, role, access, note }: Preset['sources'][number]): string {
  return `${url} (${role}, ${access})${note === undefined ? '' : `: ${note}`}`;
}

function selectWords([name, { label, values, examples, note }]: [string, Preset['select'][string]]): string {
  const allowed = values ? values.join(', ') : `any, such as ${examples.join(', ')}`;
  return `${name}: ${label}: ${allowed}${note === undefined ? '' : `. ${note}`}`;
}

function signatureWords({ signature }: Preset): string {
  if (signature === 'unknown') return 'unknown';
  const { kind, files, note } = signature;
  return `${kind}, in ${files.join(', ')}${note === undefined ? '' : `: ${note}`}`;
}

function mirrorLines(key: string, value: unknown, from: string): string[] {
  const [first = '', ...rest] = stringify({ [key]: value }, { lineWidth: 0 })
    .trimEnd()
    .split('\n');
  return [`  ${first}${from}`, ...rest.map((line) => `  ${line}`)];
}

function provenanceWords({ provenance }: Preset, field: string): string {
  const found = provenance[field];
  return found ? `  [${found.basis}: ${found.source}${found.date === undefined ? '' : `, ${found.date}`}]` : '';
}
