import * as z from 'zod';
import { FORWARDING_HEADERS } from '../core/zone.js';
import * as field from './fields.js';
import { networkProblem } from './networks.js';

/** Whoever comes through a Unix socket; the mode of that says who can. */
const UNIX = 'unix:';

/** Who stands before this server and says for whom it asks. */
export const proxies = field
  .section({
    trusted: field
      .textList(
        {
          description: 'Networks of proxies that say who their clients are; "unix:" is whoever uses a Unix socket.',
          examples: [['10.0.0.0/8', 'unix:']],
        },
        (value) => (value === UNIX ? undefined : networkProblem(value)),
      )
      .prefault([]),
    header: z.enum(FORWARDING_HEADERS).prefault('x-forwarded-for').meta({
      description:
        'The header field in which all of them say it: one that a proxy passes on unchanged would be believed, too.',
    }),
  })
  .prefault({})
  .meta({ description: 'Proxies in front of this server.' });
