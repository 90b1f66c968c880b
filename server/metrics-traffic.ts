import { Counter, type Registry } from 'prom-client';
import { PAGES_PART, REGISTRY_PART } from '../core/traffic.js';
import type { Statistics, TrafficTotal } from './statistics/statistics.js';

/** Counters of what was served since the program began. Returns what sets them anew; called once a scrape. */
export function addTrafficMetrics(
  registry: Registry,
  { statistics, accessLog }: { readonly statistics: Statistics; readonly accessLog: { readonly dropped: number } },
): () => void {
  const registers = [registry];
  const answers = new Counter({
    name: 'millpond_http_responses_total',
    help: 'HTTP answers by who gave them and class of status.',
    labelNames: ['road', 'status'],
    registers,
  });
  const served = new Counter({
    name: 'mirror_served_bytes_total',
    help: 'Bytes that were sent, by mirror and class of status.',
    labelNames: ['repo', 'class'],
    registers,
  });
  const labelNames = ['zone', 'family', 'protocol'];
  const requests = new Counter({
    name: 'millpond_traffic_requests_total',
    help: 'What was asked for, by zone of the client, family of its address and protocol.',
    ...{ labelNames, registers },
  });
  const bytes = new Counter({
    name: 'millpond_traffic_bytes_total',
    help: 'Bytes that were sent, by zone of the client, family of its address and protocol.',
    ...{ labelNames, registers },
  });
  const dropped = new Counter({
    name: 'millpond_access_log_dropped_total',
    help: 'Lines of the access log that the disk did not take.',
    registers,
  });
  return () => {
    dropped.reset();
    dropped.inc(accessLog.dropped);
    for (const counter of [answers, served, requests, bytes]) counter.reset();
    for (const total of statistics.totals()) {
      const { part, zone, family, protocol } = total;
      const status = `${total.status}xx`;
      if (protocol !== 'rsync') answers.labels(roadOf(total), status).inc(total.requests);
      if (roadOf(total) === 'files') served.labels(part, status).inc(total.bytes);
      requests.labels(zone, family, protocol).inc(total.requests);
      bytes.labels(zone, family, protocol).inc(total.bytes);
    }
  };
}

function roadOf({ part }: TrafficTotal): 'files' | 'registry' | 'pages' {
  if (part === REGISTRY_PART) return 'registry';
  return part === PAGES_PART ? 'pages' : 'files';
}
