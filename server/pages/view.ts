import ejs from 'ejs';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../../platform/package-root.js';

const VIEWS = join(PACKAGE_ROOT, 'views');
const compiled = new Map<string, ejs.TemplateFunction>();

/** Renders `views/<name>.ejs`. A template sees the model as `it` and nothing else; `<%= %>` escapes. */
export function renderView(name: string, model: object): string {
  return template(name)(model);
}

function template(name: string): ejs.TemplateFunction {
  const known = compiled.get(name);
  if (known) return known;
  const filename = join(VIEWS, `${name}.ejs`);
  const made = ejs.compile(readFileSync(filename, 'utf8'), {
    filename,
    views: [VIEWS],
    root: VIEWS, // of includes that begin with a slash: those are not looked for on the disk each time
    cache: true, // of the partials that it includes
    strict: true,
    localsName: 'it',
    rmWhitespace: true,
  });
  compiled.set(name, made);
  return made;
}
