// Keeps the list fed: first fill, WebSocket, reconnection. Writes into the model, draws nothing.
//
//   start ──► loading ──► catching up ──► live
//               │  ▲          │  ▲          │      lost: wait 0.5 s to 15 s, or until the browser
//               ▼  └─ Retry   ▼  └──────────┤      says "online" or the tab is looked at again
//             failed        offline ◄───────┘      (failed: an answer of 4xx or 5xx; 5xx is tried again)
//                              │  ▲
//                              ▼  │               more than three drops in 15 s while plain HTTP works:
//                            polling              a proxy closes WebSockets; ask for pages every 2 s
//
// Invariant: there is at most one socket and one timer, and each belongs to the newest `start`. After
// a loss the feed resumes behind the last event that the page has, so nothing is missed or repeated;
// a server of another instance has another log, so the list begins anew.

import { request, ApiError } from '../lib/api.js';
import { waitMs } from '../lib/backoff.js';
import { distance, position } from '../lib/cursor.js';
import { splitFrame } from '../lib/raw-json.js';
import { firstFill, newerThan } from './fill.js';

/** A server that sends statistics each second and is silent for this long is gone. */
const SILENCE_MS_MAX = 15_000;
const FRAME_MARK = '{"type":"events",';
/** More drops than this in so short a time are no accident. */
const DROPS_MAX = 3;
const DROPS_MS = 15_000;
const POLL_MS = 2000;
const SEED_AGAIN_MS = 3000;
/** How long polling goes on before a WebSocket is tried again. */
const POLLING_MS = 60_000;

/** @typedef {import('./model.js').Model} Model */

export class Feed {
  /**
   * @param {Model} model
   * @param {() => void} changed called after each change of the model
   */
  constructor(model, changed) {
    this.model = model;
    this.changed = changed;
    this.filter = new URLSearchParams();
    this.attempt = 0;
    /** Most events a second that the server shall send. */
    this.rateMax = 500;
    /** When the socket dropped although the server answers. @type {number[]} */
    this.dropsAtMs = [];
    this.pollingUntilMs = 0;
    /** How many drops are borne: none once it has come to polling, until a socket holds again. */
    this.dropsMax = DROPS_MAX;
    /** @type {WebSocket | null} */
    this.socket = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.fill = new AbortController();
    this.heardAtMs = 0;
    /** The head when the connection was made. */
    this.head = '';
    window.addEventListener('online', () => this.retryNow());
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.retryNow();
    });
  }

  /**
   * A new list.
   * @param {URLSearchParams} filter
   */
  start(filter) {
    this.#stop();
    this.filter = filter;
    this.attempt = 0;
    this.model.clear();
    this.model.outage = null;
    this.#load();
  }

  /**
   * Another rate, the same list: it goes on behind what was taken in.
   * @param {number} rate
   */
  setRate(rate) {
    if (rate === this.rateMax) return;
    this.rateMax = rate;
    if (this.socket === null) return;
    this.#stop();
    this.#follow();
  }

  /** Called once a second: notices a connection that died without a word. */
  tick() {
    const silentMs = Date.now() - this.heardAtMs;
    if (this.socket?.readyState === WebSocket.OPEN && silentMs > SILENCE_MS_MAX) this.#lost(0);
  }

  /** Does at once what the timer would do later; nothing while connected. */
  retryNow() {
    if (this.model.connection === 'failed') this.start(this.filter);
    else if (this.model.connection === 'offline') this.#again();
    else if (this.model.connection === 'polling') this.#stopPolling();
  }

  #stop() {
    clearTimeout(this.timer);
    this.fill.abort();
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  async #load() {
    const { model } = this;
    model.connection = 'loading';
    this.changed();
    this.fill = new AbortController();
    const { signal } = this.fill;
    try {
      const { events, since } = await firstFill(this.filter, signal);
      if (signal.aborted) return;
      model.failure = null;
      for (const event of events.reverse()) model.add(event);
      if (since !== 'beginning') model.moveTo(since);
      // A page holds only what is in the database, so all up to here is.
      model.appliedSeq = Math.max(model.appliedSeq, position(model.cursor ?? '').seq);
      model.beginCounting();
      this.changed();
      this.#follow();
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && error.status === 0) this.#lost(0);
      else this.#fail(error);
    }
  }

  /** @param {unknown} error */
  #fail(error) {
    const { model } = this;
    model.connection = 'failed';
    model.failure = {
      what: 'The newest events could not be read.',
      status: error instanceof ApiError ? error.status : 0,
      requestId: error instanceof ApiError ? error.requestId : '',
      detail: error instanceof Error ? error.message : String(error),
    };
    // What the server calls its own fault may pass; a refused question stays refused.
    if (model.failure.status >= 500) this.timer = setTimeout(() => this.#load(), this.#nextWaitMs());
    this.changed();
  }

  #follow() {
    const { model } = this;
    const query = new URLSearchParams(this.filter);
    query.set('since', model.cursor ?? 'beginning');
    query.set('stats', '1');
    query.set('frames', '1');
    query.set('max_rate', String(this.rateMax));
    const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/live?${query}`);
    this.socket = socket;
    this.heardAtMs = Date.now();
    socket.onmessage = ({ data }) => {
      if (socket !== this.socket) return;
      this.heardAtMs = Date.now();
      try {
        this.#take(String(data));
      } catch (error) {
        // No message of ours looks like this: something between us and the server spoils them.
        console.error('a live message could not be read', error);
        this.#lost(0);
      }
      this.changed();
    };
    socket.onclose = () => {
      if (socket !== this.socket) return;
      this.#lost(0);
      this.#countDrop();
    };
  }

  /** A drop tells of a proxy only if the server itself answers. */
  async #countDrop() {
    try {
      await request('/healthz');
    } catch {
      return;
    }
    const now = Date.now();
    this.dropsAtMs = [...this.dropsAtMs, now].filter((atMs) => now - atMs < DROPS_MS);
    if (this.dropsAtMs.length <= this.dropsMax || this.model.connection !== 'offline') return;
    this.dropsAtMs = [];
    this.dropsMax = 0;
    this.pollingUntilMs = now + POLLING_MS;
    this.#again();
  }

  #stopPolling() {
    this.pollingUntilMs = 0;
    this.#again();
  }

  async #poll() {
    const { model } = this;
    this.fill = new AbortController();
    const { signal } = this.fill;
    try {
      const { events, isEnd } = await newerThan(this.filter, model.cursor, signal);
      if (signal.aborted) return;
      model.connection = 'polling';
      for (const event of events) model.add(event);
      // Pages hold only what is in the database.
      model.appliedSeq = Math.max(model.appliedSeq, position(model.cursor ?? '').seq);
      if (model.outage !== null && isEnd) Object.assign(model.outage, { untilMs: model.outage.untilMs ?? Date.now(), done: true });
      this.timer = setTimeout(() => this.#again(), isEnd ? POLL_MS : 0);
    } catch (error) {
      if (signal.aborted) return;
      this.pollingUntilMs = 0;
      this.#lost(0);
    }
    this.changed();
  }

  /** The server's own measurements, also of the time when this page did not listen. */
  async #seedRates() {
    if (document.hidden) return;
    try {
      this.model.rates.seed(JSON.parse(await request('/status/history?range=5m')));
    } catch {
      // The chart then begins with what is heard from now on.
    }
  }

  /** @param {string} text one message */
  #take(text) {
    const { model } = this;
    if (text.startsWith(FRAME_MARK)) {
      model.addFrame(splitFrame(text));
      if (model.nBehind > 0) model.nBehind = distance(this.head, model.cursor);
      return;
    }
    const message = JSON.parse(text);
    if (message.type === 'hello') this.#hello(message);
    else if (message.type === 'gap') model.addGap(message);
    else if (message.type === 'progress') {
      model.moveTo(message.cursor);
      if (model.nBehind > 0) model.nBehind = distance(this.head, model.cursor);
    }
    else if (message.type === 'status') model.setFate(message);
    else if (message.type === 'stats') model.setStats(message, Date.now());
    else if (message.type === 'caught_up') this.#caughtUp(message.head);
    else if (message.type === 'bye') {
      if (typeof message.cursor === 'string') model.moveTo(message.cursor);
      this.#lost(message.retry_after_ms ?? 0);
    }
  }

  /** @param {{ instance: string, server_time: string, head: string }} hello */
  #hello({ instance, server_time: serverTime, head }) {
    const { model } = this;
    const isAnother = model.instance !== null && model.instance !== instance;
    model.instance = instance;
    model.clockOffsetMs = (Date.parse(serverTime) || Date.now()) - Date.now();
    if (isAnother) {
      this.start(this.filter);
      model.isNewInstance = true;
      return;
    }
    this.head = head;
    this.#seedRates();
    // The second in which the connection was made is told by neither, so it is asked for once more.
    setTimeout(() => this.#seedRates(), SEED_AGAIN_MS);
    model.connection = 'catching up';
    model.nBehind = distance(head, model.cursor);
    if (model.outage !== null) model.outage.untilMs ??= Date.now();
  }

  /** @param {unknown} head */
  #caughtUp(head) {
    const { model } = this;
    if (typeof head === 'string') model.moveTo(head);
    model.connection = 'live';
    model.nBehind = 0;
    this.attempt = 0;
    this.dropsMax = DROPS_MAX;
    if (model.outage !== null) model.outage.done = true;
  }

  /** @param {number} waitMsMin */
  #lost(waitMsMin) {
    const { model } = this;
    this.#stop();
    // A page that was never connected has missed nothing: its first fill is still to come.
    const hadFeed = model.connection === 'live' || model.connection === 'catching up' || model.connection === 'polling';
    if (hadFeed && (model.outage === null || model.outage.done)) {
      model.outage = { sinceMs: Date.now(), untilMs: null, missed: 0, done: false, cursor: model.cursor };
    }
    model.connection = 'offline';
    model.failure = null;
    const delayMs = Math.max(waitMsMin, this.#nextWaitMs());
    model.retryAtMs = Date.now() + delayMs;
    this.timer = setTimeout(() => this.#again(), delayMs);
    this.changed();
  }

  #nextWaitMs() {
    const delayMs = waitMs(this.attempt, Math.random());
    this.attempt += 1;
    return delayMs;
  }

  #again() {
    this.#stop();
    // Without a cursor and without an outage there was no first fill yet.
    if (this.model.cursor === null && this.model.outage === null) this.#load();
    else if (Date.now() < this.pollingUntilMs) this.#poll();
    else this.#follow();
  }
}

/**
 * Posts one event.
 * @param {string} body
 */
export async function sendEvent(body) {
  await request('/events', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-requested-by': 'console' },
    body,
  });
}
