// The batch lane: what arrives, what waits, what goes into its table now, and how full its log is.

import { html } from '../vendor/preact.js';

import { bytes, reading } from '../lib/amount.js';
import { rowsText } from '../lib/batch.js';
import { batchHref } from '../lib/route.js';
import { Bar } from '../frame/parts.js';
import { count, Untrusted } from '../frame/text.js';

/**
 * @typedef {object} LaneStatus as `GET /status` has it
 * @property {{ bytes: number, bytes_max: number }} log
 * @property {{ batches: number, seconds: number }} lag
 * @property {number} receiving
 * @property {number} queued
 * @property {{ id: string, table: string, rows: number, rows_applied: number } | null} applying
 * @property {{ state: string, reason: string | null }} consumer
 * @property {{ committed: number, rejected: number, cancelled: number }} counts
 */

/** @param {{ lane: LaneStatus }} props */
export function Lane({ lane: { log, lag, receiving, queued, applying, consumer, counts } }) {
  const fact = (/** @type {string} */ name, /** @type {any} */ value) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
  return html`<section class="card lane" aria-label="Batches" data-test="lane">
    <h2 class="h3">Batches</h2>
    ${applying !== null && html`<p>Applying <a href=${batchHref(applying.id)}>a batch</a> to <b><${Untrusted} text=${applying.table} charsMax=${60} /></b></p>
      <${Bar} label="Rows applied" share=${applying.rows > 0 ? applying.rows_applied / applying.rows : 0} text=${`${count(applying.rows_applied)} of ${rowsText(applying.rows)}`} />`}
    <dl class="numbers">
      ${fact('receiving', count(receiving))}${fact('waiting', count(queued))}${fact('oldest waits for', reading(lag.seconds, 's'))}
      ${fact('committed since the start', count(counts.committed))}${fact('rejected', count(counts.rejected))}${fact('cancelled', count(counts.cancelled))}
      ${fact('log', `${bytes(log.bytes)} of ${bytes(log.bytes_max)}`)}
    </dl>
    ${consumer.reason !== null && html`<p class="bad">The lane is ${consumer.state}: <${Untrusted} text=${consumer.reason} /></p>`}
    <p><a href="/ui/batches">All batches</a></p>
  </section>`;
}
