// Everything here is an addition: each page is complete without it.

const skew = Date.now() - Number(document.body.dataset.now ?? Date.now());
/** The server cuts the time of a page to so many seconds. */
const PAGE_SECONDS = 15;
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

refreshAgo();
window.setInterval(refreshAgo, 15_000);
addCopyButtons();
focusSearchOnSlash();
if (document.body.dataset.events) followEvents(document.body.dataset.events);

function refreshAgo() {
  const now = Date.now() - skew;
  for (const ago of document.querySelectorAll('time [data-ago]')) {
    const text = relative(Date.parse(ago.closest('time').dateTime), now);
    if (ago.textContent !== text) ago.textContent = text;
  }
}

function relative(at, now) {
  const seconds = Math.round(Math.abs(now - at) / 1000);
  if (seconds <= PAGE_SECONDS) return 'now';
  return at > now ? `in ${span(seconds)}` : `${span(seconds)} ago`;
}

function span(seconds) {
  if (seconds < MINUTE) return `${seconds} s`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min`;
  if (seconds < DAY) return `${Math.floor(seconds / HOUR)} h`;
  return `${Math.floor(seconds / DAY)} d`;
}

function addCopyButtons() {
  if (!navigator.clipboard) return;
  for (const source of document.querySelectorAll('[data-copy]')) {
    if (source.nextElementSibling?.classList.contains('copy')) continue;
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'copy plain';
    button.textContent = 'Copy';
    button.addEventListener('click', async () => {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = 'Copied';
    });
    source.after(button);
  }
}

function focusSearchOnSlash() {
  document.addEventListener('keydown', (event) => {
    if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest('input, select, textarea')) return;
    const search = document.querySelector('[data-search]');
    if (!search) return;
    event.preventDefault();
    search.focus();
  });
}

function followEvents(address) {
  const source = new EventSource(address);
  const refresh = sparingly(replaceLiveParts, address.includes('mirror=') ? 250 : 2000);
  for (const type of ['run.queued', 'run.started', 'run.phase', 'run.ended', 'mirror.changed'])
    source.addEventListener(type, refresh);
  source.addEventListener('run.progress', (event) => {
    const { mirror, progress } = JSON.parse(event.data);
    const region = document.querySelector(`[data-progress="${window.CSS.escape(mirror)}"]`);
    if (region) showProgress(region, progress);
    else if (address.includes('mirror=')) refresh();
  });
  // what happened since the page was made, or while the connection was lost, was not told
  source.addEventListener('open', refresh);
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) refresh();
  });
}

/** Calls `work` at once, and then at most every `pause` milliseconds, the last call included; rests while hidden. */
function sparingly(work, pause) {
  let timer = null;
  let again = false;
  const run = () => {
    again = false;
    if (!document.hidden) void work();
    timer = setTimeout(() => {
      timer = null;
      if (again) run();
    }, pause);
  };
  return () => {
    if (timer === null) run();
    else again = true;
  };
}

async function replaceLiveParts() {
  try {
    const response = await fetch(location.href, { headers: { Accept: 'text/html' }, cache: 'no-store' });
    if (!response.ok) return;
    const fresh = new window.DOMParser().parseFromString(await response.text(), 'text/html');
    for (const part of document.querySelectorAll('[data-live]')) replacePart(part, fresh.getElementById(part.id));
    addCopyButtons();
    refreshAgo();
  } catch {
    // the server is away for a moment: the page stays as it is until the next event
  }
}

/** A part that holds the focus is left alone, and so is one that has not changed. */
function replacePart(part, fresh) {
  if (!fresh || part.contains(document.activeElement)) return;
  const open = part.querySelector('details')?.open;
  part.replaceChildren(...fresh.childNodes);
  const details = part.querySelector('details');
  if (details && open) details.open = true;
}

function showProgress(region, progress) {
  const percent = Math.floor(progress.percent);
  const pass = progress.pass > 1 ? `, pass ${progress.pass}` : '';
  show(region, 'percent', percent);
  show(region, 'stage', `${progress.stage} (${progress.stageIndex} of ${progress.stageCount}${pass})`);
  show(region, 'bytes', bytes(progress.bytes));
  show(region, 'files', count(progress.files));
  show(region, 'rate', `${bytes(progress.rate)}/s`);
  show(region, 'eta', progress.eta ? span(Math.round(progress.eta)) : 'not known');
  show(region, 'checked', `${count(progress.known - progress.toCheck)} of ${count(progress.known)}`);
  region.querySelector('progress').value = percent;
}

function show(region, field, text) {
  const element = region.querySelector(`[data-field="${field}"]`);
  if (element) element.textContent = String(text);
}

function bytes(value) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value.toFixed(unit === 0 || value >= 99.95 ? 0 : 1)} ${units[unit]}`;
}

function count(value) {
  return new Intl.NumberFormat('en', { maximumFractionDigits: 0 }).format(value);
}
