// The console's entry: puts the frame and the screen that the address names on the page, and starts the
// feed, which goes on while other screens are shown.

import { effect, html, render, untracked } from './vendor/preact.js';

import { AppsScreen } from './apps/screen.js';
import { DeadScreen } from './dead/screen.js';
import { EventPage } from './event/page.js';
import { isLost, isOut, session, startSession } from './frame/auth.js';
import { countDeadLetters } from './frame/dead-count.js';
import { EventsScreen } from './explore/screen.js';
import { Header } from './frame/header.js';
import { Help } from './frame/help.js';
import { listenToKeys } from './frame/keys.js';
import { listenToNavigation, route } from './frame/navigate.js';
import { Said } from './frame/say.js';
import { SignIn } from './frame/sign-in.js';
import { HealthScreen } from './health/screen.js';
import { plain } from './lib/escape.js';
import { retry, startLive } from './live/live.js';
import { LiveScreen } from './live/screen.js';
import { SchemasScreen } from './schemas/screen.js';
import { SessionScreen } from './session/screen.js';

/** @typedef {import('./lib/route.js').Screen} Screen */

/** @type {Map<Screen, { title: string, screen: () => any }>} */
const SCREENS = new Map([
  ['live', { title: 'Live', screen: LiveScreen }],
  ['events', { title: 'Events', screen: EventsScreen }],
  ['event', { title: 'Event', screen: EventPage }],
  ['session', { title: 'Session', screen: SessionScreen }],
  ['dead', { title: 'Dead letters', screen: DeadScreen }],
  ['health', { title: 'Health', screen: HealthScreen }],
  ['schemas', { title: 'Schemas', screen: SchemasScreen }],
  ['apps', { title: 'Applications', screen: AppsScreen }],
]);

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
  const shown = session.value === null ? Asking : isAsked ? SignIn : SCREENS.get(screen)?.screen ?? Missing;
  return html`<${Header} /><${shown} key=${`${screen} ${id}`} /><${Help} /><${Said} />`;
}

const root = document.getElementById('app');
if (root !== null) {
  root.replaceChildren();
  render(html`<${App} />`, root);
  listenToKeys();
  listenToNavigation();
  startSession();
  countDeadLetters();
  effect(() => {
    void session.value;
    untracked(follow);
  });
  effect(() => {
    const { screen, id } = route.value;
    const title = SCREENS.get(screen)?.title ?? 'No such screen';
    document.title = `${title}${id === '' ? '' : ` ${plain(id.slice(0, 60))}`} · Eyas`;
  });
}
