import { Router, type Request, type Response } from 'express';
import type { TreeMirror } from '../../core/mirror.js';
import { readText } from '../api/query.js';
import type { HelpCheck } from '../../store/help-checks.js';
import { clientSystem } from '../help/client-system.js';
import { helpFor, helpPreset, helpText, mirrorsWithHelp, needsRsync, noHelp, type Help } from '../help/help.js';
import { TreeLook } from '../help/tree-look.js';
import { publicOrigin, rsyncOrigin } from '../oci/public-address.js';
import { sendPage, type Twin } from '../respond.js';
import { scrubberFor } from '../scrub.js';
import type { ServerDeps } from '../server-deps.js';
import { chosenEntries, renderHelp, renderHelpList, type HelpEntry } from './help.js';
import type { PageFrame } from './page-frame.js';

type Frame = (page: { title: string; section: 'help' }) => PageFrame;

/** `/help` and `/help/<mirror>`, with their twins for programs. */
export function helpRoutes(deps: ServerDeps, frame: Frame): Router {
  const router = Router();
  const look = new TreeLook(deps.trees);
  const list = (twin: Twin | null) => (req: Request, res: Response) =>
    answerList(deps, look, { frame, twin, req, res });
  router.get('/help', list(null));
  router.get('/help.json', list('json'));
  router.get('/help/:mirror', async (req, res) => {
    await answerMirror(deps, look, { frame, req, res, asked: req.params.mirror });
  });
  return router;
}

function answerList(
  deps: ServerDeps,
  look: TreeLook,
  { frame, twin, req, res }: { frame: Frame; twin: Twin | null; req: Request; res: Response },
): void {
  const query = readText(req, 'q');
  const system = clientSystem(readText(req, 'system'), req.get('User-Agent'));
  const checks = publicChecks(deps, deps.store.helpChecks.all());
  const usable = mirrorsWithHelp(deps.settings()).filter(
    ({ preset }) => deps.rsync?.() || !preset.help.every(needsRsync),
  );
  const entries = usable.map(({ mirror: { name, title, description }, preset }): HelpEntry => ({
    ...{ name, title, description, preset: preset.id },
    langs: [...new Set(preset.help.map(({ lang }) => lang))],
    isPublished: look.isPublished(name),
    checks: checks.filter(({ mirror }) => mirror === name),
  }));
  res.vary('User-Agent');
  const question = { query, system };
  sendPage(
    req,
    res,
    {
      html: () => renderHelpList(frame({ title: 'Set up a client', section: 'help' }), entries, question),
      json: () => ({ system: system?.id ?? null, mirrors: chosenEntries(entries, question) }),
    },
    twin,
  );
}

async function answerMirror(
  deps: ServerDeps,
  look: TreeLook,
  { frame, req, res, asked }: { frame: Frame; req: Request; res: Response; asked: string },
): Promise<void> {
  const { mirror, twin } = mirrorAndTwin(deps, asked);
  const help = await helpFor(mirror, look, questionOf(deps, mirror, req));
  const check =
    publicChecks(deps, deps.store.helpChecks.of(mirror.name)).find(({ form }) => form === help.form) ?? null;
  const page = { description: mirror.description, check, isRestricted: mirror.read !== null };
  res.vary('User-Agent');
  sendPage(
    req,
    res,
    {
      // what a client calls this server stands in it: then no cache may give it to others
      isPersonal: deps.settings().site.url === null,
      html: () => renderHelp(frame({ title: `Set up ${help.title}`, section: 'help' }), help, page),
      json: (): Help & { tested: typeof check } => ({ ...help, tested: check }),
      text: () => helpText(help),
    },
    twin,
  );
}

function questionOf(deps: ServerDeps, mirror: TreeMirror, req: Request) {
  const settings = deps.settings();
  const names = new Set(helpPreset(mirror)?.help.flatMap(({ inputs }) => Object.keys(inputs)));
  const values = [...names].flatMap((name) => {
    const value = readText(req, name);
    return value === '' ? [] : [[name, value] as const];
  });
  const origin = settings.site.url ?? publicOrigin(req, settings);
  const daemon = deps.rsync?.();
  return {
    origin,
    rsync: daemon ? rsyncOrigin(origin, daemon.port) : null,
    form: readText(req, 'form') || null,
    values: Object.fromEntries(values),
    system: clientSystem(readText(req, 'system'), req.get('User-Agent')),
  };
}

/**
 * As anybody may read them: this server was asked at an address of its own network, and what clients say names files,
 * which of some mirrors not everybody may know.
 */
function publicChecks({ settings }: Pick<ServerDeps, 'settings'>, checks: readonly HelpCheck[]): HelpCheck[] {
  const { mirrors } = settings();
  const scrub = scrubberFor(settings());
  return checks
    .filter(({ mirror, result }) => result === 'untested' || (mirrors.get(mirror)?.read ?? null) === null)
    .map((check) => ({ ...check, sentence: scrub(check.sentence) }));
}

/** A mirror may itself be called "x.json"; then that is meant. @throws MillpondError not-found */
function mirrorAndTwin(deps: ServerDeps, asked: string): { mirror: TreeMirror; twin: Twin | null } {
  const { mirrors } = deps.settings();
  const own = mirrors.get(asked);
  if (own) return { mirror: own, twin: null };
  const [, stem = asked, twin] = /^(.+)\.(json|txt)$/.exec(asked) ?? [];
  const mirror = mirrors.get(stem);
  if (!mirror) throw noHelp(stem);
  return { mirror, twin: twin === 'json' || twin === 'txt' ? twin : null };
}
