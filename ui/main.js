// The console's entry: puts the frame and the screen that the address names on the page, and starts the
// feed, which goes on while other screens are shown.

import { effect, html, render, signal, untracked } from './vendor/preact.js';

import { isLost, isOut, session, startSession } from './frame/auth.js';
import { countDeadLetters } from './frame/dead-count.js';
import { listenToDrops } from './frame/dropped.js';
import { Failure, failureOf } from './frame/failure.js';
import { Header } from './frame/header.js';
import { Help } from './frame/help.js';
import { listenToKeys } from './frame/keys.js';
import { listenToNavigation, route } from './frame/navigate.js';
import { Said } from './frame/say.js';
import { SignIn } from './frame/sign-in.js';
import { plain } from './lib/escape.js';
import { retry, startLive } from './live/live.js';
import { LiveScreen } from './live/screen.js';

/** @typedef {import('./lib/route.js').Screen} Screen */

/**
 * Live comes with the page; every other screen is fetched when it is first opened.
 * @type {Map<Screen, { title: string, load: () => Promise<() => any> }>}
 */
const SCREENS = new Map([
  ['live', { title: 'Live', load: async () => LiveScreen }],
  ['events', { title: 'Events', load: async () => (await import('./explore/screen.js')).EventsScreen }],
  ['event', { title: 'Event', load: async () => (await import('./event/page.js')).EventPage }],
  ['session', { title: 'Session', load: async () => (await import('./session/screen.js')).SessionScreen }],
  ['dead', { title: 'Dead letters', load: async () => (await import('./dead/screen.js')).DeadScreen }],
  ['health', { title: 'Health', load: async () => (await import('./health/screen.js')).HealthScreen }],
  ['schemas', { title: 'Schemas', load: async () => (await import('./schemas/screen.js')).SchemasScreen }],
  ['batches', { title: 'Batches', load: async () => (await import('./batches/screen.js')).BatchesScreen }],
  ['sql', { title: 'SQL', load: async () => (await import('./sql/screen.js')).SqlScreen }],
  ['apps', { title: 'Applications', load: async () => (await import('./apps/screen.js')).AppsScreen }],
]);

/** Screens that are here. @type {import('./vendor/preact.js').Signal<Map<Screen, () => any>>} */
const here = signal(new Map([['live', LiveScreen]]));
/** Why the last one that was asked for is not. @type {import('./vendor/preact.js').Signal<unknown>} */
const broken = signal(null);

/** Fetches a screen. Browsers remember a module that failed, so only a new page can try again. @param {Screen} screen */
async function fetchScreen(screen) {
  const load = SCREENS.get(screen)?.load;
  if (load === undefined || here.peek().has(screen)) return;
  broken.value = null;
  try {
    const shown = await load();
    // Whoever went here by a link stands on the heading of `Fetching`, which is about to be gone.
    const isOnHeading = document.activeElement?.tagName === 'H1';
    here.value = new Map(here.peek()).set(screen, shown);
    if (isOnHeading) requestAnimationFrame(() => document.querySelector('h1')?.focus({ preventScroll: true }));
  } catch (error) {
    broken.value = error;
  }
}

/** A moment, until the screen is here. */
function Fetching() {
  if (broken.value === null) return html`<${Asking} />`;
  const facts = failureOf('This screen could not be fetched', broken.value);
  return html`<main class="page"><h1 class="visually-hidden" tabindex="-1">Eyas</h1><${Failure} facts=${facts} onRetry=${() => location.reload()} /></main>`;
}

function Missing() {
  return html`<main class="page"><div class="empty" data-test="no-screen">
    <h1 tabindex="-1">There is no such screen</h1>
    <p>This address names no part of the console.</p>
    <p><a href="/ui/">Live</a> · <a href="/ui/health">Health</a> · <a href="/docs">API</a></p>
  </div></main>`;
}

/** A moment, until the server has said who may look. */
function Asking() {
  return html`<main class="page"><h1 class="visually-hidden" tabindex="-1">Eyas</h1></main>`;
}

/** Whether this page was let in already. */
let isStarted = false;

/** The feed begins once this browser may read, and goes on at once when it was signed in again. */
function follow() {
  if (session.value === null || isOut(session.value)) return;
  if (isStarted) retry();
  else startLive();
  isStarted = true;
}

function App() {
  const { screen, id } = route.value;
  const isAsked = isOut(session.value) && !isLost.value;
  const known = SCREENS.has(screen) ? here.value.get(screen) ?? Fetching : Missing;
  const shown = session.value === null ? Asking : isAsked ? SignIn : known;
  return html`<${Header} /><${shown} key=${`${screen} ${id}`} /><${Help} /><${Said} />`;
}

const root = document.getElementById('app');
if (root !== null) {
  root.replaceChildren();
  render(html`<${App} />`, root);
  listenToKeys();
  listenToNavigation();
  listenToDrops();
  startSession();
  countDeadLetters();
  effect(() => {
    void session.value;
    untracked(follow);
  });
  effect(() => void fetchScreen(route.value.screen));
  effect(() => {
    const { screen, id } = route.value;
    const title = SCREENS.get(screen)?.title ?? 'No such screen';
    document.title = `${title}${id === '' ? '' : ` ${plain(id.slice(0, 60))}`} · Eyas`;
  });
}
