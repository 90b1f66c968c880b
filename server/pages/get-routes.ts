import { Router, type Request, type Response } from 'express';
import { clientArchitecture } from '../../core/architecture.js';
import { MillpondError } from '../../core/errors.js';
import { readText } from '../api/query.js';
import { currentProducts } from '../downloads/current-products.js';
import { bestFile } from '../downloads/products.js';
import { clientSystem } from '../help/client-system.js';
import { sendPage, type Twin } from '../respond.js';
import type { ServerDeps } from '../server-deps.js';
import { matches, renderGetList, renderProduct, type Computer } from './get.js';
import type { PageFrame } from './page-frame.js';

type Frame = (page: { title: string; section: 'get' }) => PageFrame;

/** `/get` and `/get/<product>`, with their twins for programs. */
export function getRoutes(deps: ServerDeps, frame: Frame): Router {
  const router = Router();
  const list = (twin: Twin | null) => (req: Request, res: Response) => answerList(deps, { frame, twin, req, res });
  router.get('/get', list(null));
  router.get('/get.json', list('json'));
  router.get('/get/:product', (req, res) => answerProduct(deps, { frame, req, res, asked: req.params.product }));
  return router;
}

function answerList(
  deps: ServerDeps,
  { frame, twin, req, res }: { frame: Frame; twin: Twin | null; req: Request; res: Response },
): void {
  const query = readText(req, 'q');
  const products = currentProducts(deps);
  const computer = computerOf(req);
  res.vary('User-Agent');
  sendPage(
    req,
    res,
    {
      html: () => renderGetList(frame({ title: 'Get an installer', section: 'get' }), products, { query, computer }),
      json: () => ({ products: products.filter((product) => matches(product, query)) }),
    },
    twin,
  );
}

function answerProduct(
  deps: ServerDeps,
  { frame, req, res, asked }: { frame: Frame; req: Request; res: Response; asked: string },
): void {
  const [, id = asked, twin] = /^(.+)\.(json)$/.exec(asked) ?? [];
  const [product] = currentProducts(deps, id);
  if (!product)
    throw new MillpondError('not-found', `There is no installer of “${id.slice(0, 100)}” here.`, {
      hint: '/get lists all that there are.',
    });
  const computer = computerOf(req);
  res.vary('User-Agent');
  sendPage(
    req,
    res,
    {
      html: () => renderProduct(frame({ title: `Get ${product.name}`, section: 'get' }), product, computer),
      json: () => ({ ...product, best: bestFile(product, computer) ?? null }),
    },
    twin === 'json' ? 'json' : null,
  );
}

function computerOf(req: Request): Computer {
  const agent = req.get('User-Agent');
  const system = clientSystem(readText(req, 'system'), agent);
  return {
    system: system?.id ?? null,
    systemLabel: system?.label ?? null,
    arch: readText(req, 'arch') || clientArchitecture(agent),
  };
}
