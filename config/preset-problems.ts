import picomatch from 'picomatch';
import { messageOf } from '../core/errors.js';
import { parseUpstream } from '../core/upstream.js';
import { quote } from './fields.js';

/** Why a value of a preset cannot be used: each function answers with a whole sentence, or undefined when it can. */

const LONGEST = 4000;
/** What a help block may use without an input of that name. */
const GIVEN = ['endpoint', 'rsync'];
const GROUPS = ['version', 'arch', 'kind'];

export function word(value: string): string | undefined {
  if (/^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/.test(value)) return undefined;
  return `${quote(value)} is not a name: 1 to 32 of a-z, 0-9 and "-"`;
}

/** Sentences for people, which may be folded over lines. */
export function prose(value: string): string | undefined {
  if (value.trim() === '') return 'the text is empty';
  if (/(?!\s)\p{Cc}/u.test(value)) return `${quote(value)} holds a control character`;
  return value.length > LONGEST ? `${quote(value)} is longer than ${LONGEST} characters` : undefined;
}

/** Lines that are copied as they are. */
export function block(value: string): string | undefined {
  if (value.trim() === '') return 'the text is empty';
  if (/(?![\n\t])\p{Cc}/u.test(value)) return `${quote(value)} holds a control character`;
  return value.length > LONGEST ? `${quote(value)} is longer than ${LONGEST} characters` : undefined;
}

/** Where a tree comes from; `{country}` stands for a country code in lower case. */
export function source(value: string): string | undefined {
  try {
    parseUpstream(value.replaceAll('{country}', 'xx'));
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

export function country(value: string): string | undefined {
  return /^[a-z]{2}$/.test(value)
    ? undefined
    : `${quote(value)} is not a country code of two small letters, such as us`;
}

export function homepage(value: string): string | undefined {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  return url && /^https?:$/.test(url.protocol) ? undefined : `${quote(value)} is not an address of the web`;
}

export function glob(value: string): string | undefined {
  if (value === '' || value.startsWith('/') || value.split('/').includes('..'))
    return `${quote(value)} is not a glob below the root of a tree`;
  try {
    picomatch.makeRe(value);
    return undefined;
  } catch (error) {
    return `${quote(value)} is not a glob: ${messageOf(error)}`;
  }
}

export function expression(value: string): string | undefined {
  try {
    new RegExp(value);
  } catch (error) {
    return messageOf(error);
  }
  const named = [...value.matchAll(/\(\?<([A-Za-z]\w*)>/g)].map(([, name]) => name ?? '');
  const unknown = named.find((name) => !GROUPS.includes(name));
  return unknown === undefined
    ? undefined
    : `${quote(value)} names a group ${quote(unknown)}: allowed are ${GROUPS.join(', ')}`;
}

/** Of an input of a help block. */
export function input(value: { options?: unknown; switch?: unknown; default?: unknown }): string | undefined {
  if ((value.options === undefined) === (value.switch === undefined)) return 'must have either "options" or "switch"';
  const allowed = typeof value.options === 'object' && value.options ? Object.keys(value.options) : ['on', 'off'];
  if (allowed.includes(String(value.default))) return undefined;
  return `has the default ${quote(value.default)}, which is none of ${allowed.map(quote).join(', ')}`;
}

/** Of a help block: whether each variable of its texts is known, and each input is used. */
export function variables(value: {
  body?: unknown;
  undo?: unknown;
  then?: unknown;
  inputs?: unknown;
}): string | undefined {
  const text = [value.body, value.undo, value.then].filter((each) => typeof each === 'string').join('\n');
  const used = [...text.matchAll(/\{\{([^}]*)\}\}/g)].map(([, name]) => name ?? '');
  const inputs = typeof value.inputs === 'object' && value.inputs ? Object.keys(value.inputs) : [];
  const unknown = used.find((name) => !GIVEN.includes(name) && !inputs.includes(name));
  if (unknown !== undefined)
    return `uses ${quote(`{{${unknown}}}`)}: known are ${[...GIVEN, ...inputs].map((name) => `{{${name}}}`).join(', ')}`;
  const idle = inputs.find((name) => !used.includes(name));
  return idle === undefined ? undefined : `never uses the input ${quote(idle)}`;
}

export function date(value: string): string | undefined {
  return /^\d{4}-\d\d-\d\d$/.test(value) && !Number.isNaN(Date.parse(value))
    ? undefined
    : `${quote(value)} is not a date: write it as 2026-11-23`;
}

/** One choice of a selection: it becomes part of rsync patterns, so that nothing in it may be special there. */
export function value(text: string): string | undefined {
  if (/^[A-Za-z0-9](?:[A-Za-z0-9._+~-]{0,62}[A-Za-z0-9+])?$/.test(text)) return undefined;
  return `${quote(text)} is not a choice: 1 to 64 letters, digits, ".", "_", "+", "~" and "-"`;
}
