// The header that all screens have: name, navigation, connection, lag, time mode, theme, help.

import { html, useEffect, useState } from '../vendor/preact.js';

import { lagKind } from '../lib/series.js';
import { frame, model } from '../live/live.js';
import { isOut, session } from './auth.js';
import { nOpen } from './dead-count.js';
import { helpOpen } from './help.js';
import { route } from './navigate.js';
import { nextTheme, nextTimeMode, theme, timeMode } from './settings.js';
import { SignedOut, Who } from './sign-in.js';
import { count } from './text.js';

/** Only screens that have landed. On a phone the first ones stand in the bar, the others behind "More". */
const SCREENS = [
  { name: 'Live', href: '/ui/', screen: 'live' },
  { name: 'Events', href: '/ui/events', screen: 'events' },
  { name: 'Dead', href: '/ui/dead', screen: 'dead' },
  { name: 'Health', href: '/ui/health', screen: 'health' },
  { name: 'Batches', href: '/ui/batches', screen: 'batches' },
  { name: 'Schemas', href: '/ui/schemas', screen: 'schemas' },
  { name: 'Apps', href: '/ui/apps', screen: 'apps' },
  { name: 'SQL', href: '/ui/sql', screen: 'sql' },
  { name: 'API', href: '/docs', screen: null },
];

export function Header() {
  return html`<div class="top">
    <header class="header">
      <a class="brand" href="/ui/" aria-label="Eyas, Live">
        <${Mark} /><span class="brand-name">Eyas</span>
      </a>
      <${Navigation} />
      <div class="header-right">
        <${Connection} />
        <${Lag} />
        <button class="quiet" onClick=${nextTimeMode} title="How times are shown (key t)" data-test="time-mode">
          <span class="label">Time</span>${timeMode.value === 'utc' ? 'UTC' : timeMode.value}
        </button>
        <button class="quiet" onClick=${nextTheme} title="Colours of the page" data-test="theme">
          <span class="label">Theme</span>${theme.value}
        </button>
        <button class="quiet" onClick=${() => (helpOpen.value = true)} aria-label="Help and keys" title="Help (key ?)">?</button>
        <${Who} />
      </div>
    </header>
    <${SignedOut} />
  </div>`;
}

function Mark() {
  return html`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
    <path d="M2 16C6 9 11 6.500 16 6.500S26 9 30 16c-4 7-9 9.500-14 9.500S6 23 2 16Z" fill="currentColor" />
    <circle class="mark-iris" cx="16" cy="16" r="6.500" />
    <circle cx="18.200" cy="13.800" r="2" fill="currentColor" />
  </svg>`;
}

function Navigation() {
  const [isOpen, setIsOpen] = useState(false);
  const here = route.value.screen;
  useEffect(() => setIsOpen(false), [route.value]);
  return html`<nav class=${isOpen ? 'nav nav-open' : 'nav'} aria-label="Screens">
    ${SCREENS.map(({ name, href, screen }) => html`<a href=${href} aria-current=${screen === here ? 'page' : undefined}>${name}${screen === 'dead' && html`<span class="nav-long">\u00A0letters</span>`}${screen === 'dead' && nOpen.value > 0 &&
      html` <span class="nav-count" data-test="nav-dead">${count(nOpen.value)}<span class="visually-hidden"> open</span></span>`}</a>`)}
    <button class="quiet nav-more" aria-expanded=${String(isOpen)} onClick=${() => setIsOpen(!isOpen)}>More</button>
  </nav>`;
}

/** Shape and word, not colour alone. */
function Connection() {
  void frame.value;
  const { glyph, word, kind } = connectionText(Date.now());
  return html`<span class=${`pill pill-${kind}`} data-test="connection"
    ><span class="glyph" aria-hidden="true">${glyph}</span> ${word}</span
  >`;
}

/** @param {number} nowMs */
function connectionText(nowMs) {
  if (isOut(session.value)) return { glyph: '○', word: 'signed out', kind: 'warn' };
  switch (model.connection) {
    case 'live':
      return { glyph: '●', word: 'live', kind: 'ok' };
    case 'catching up':
      return { glyph: '◐', word: `catching up ${count(model.nBehind)}`, kind: 'warn' };
    case 'polling':
      return { glyph: '◐', word: 'polling', kind: 'warn' };
    case 'offline': {
      const waitS = Math.ceil((model.retryAtMs - nowMs) / 1000);
      return { glyph: '○', word: waitS > 0 ? `offline, retry in ${waitS} s` : 'offline, connecting', kind: 'bad' };
    }
    case 'failed':
      return { glyph: '○', word: 'failed', kind: 'bad' };
    default:
      return { glyph: '◐', word: 'connecting', kind: 'warn' };
  }
}

/** How far the database is behind the log. */
function Lag() {
  void frame.value;
  const { stats } = model;
  if (stats === null) return null;
  const kind = lagKind(stats.lag_s);
  return html`<span
    class=${`lag lag-${kind}`}
    title=${`The database is ${count(stats.lag_records)} events and ${stats.lag_s.toFixed(1)} s behind the log.`}
    data-test="lag"
    ><span class="label">lag</span>${stats.lag_s.toFixed(1)} s</span
  >`;
}
