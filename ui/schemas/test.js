// What a schema would say of events that are stored, before it is in force.

import { html, useState } from '../vendor/preact.js';

import { send } from '../lib/api.js';
import { eventHref } from '../lib/route.js';
import { Failure, failureOf } from '../frame/failure.js';
import { Table } from '../frame/table.js';
import { count, Untrusted } from '../frame/text.js';

const LAST = [100, 1000, 10_000];

/** @typedef {{ pointer: string, rule: string, message: string, count: number, sample: { seq: number, id: string } }} Group */
/** @typedef {{ examined: number, valid: number, invalid: number, newly_invalid: number, newly_valid: number, groups: Group[] }} Result */

/** @param {{ of: import('./screen.js').Key, text: string, isReady: boolean }} props */
export function SchemaTest({ of, text, isReady }) {
  const [last, setLast] = useState(1000);
  const [isBusy, setIsBusy] = useState(false);
  const [tested, setTested] = useState(/** @type {{ text: string, result: Result } | null} */ (null));
  const [failure, setFailure] = useState(/** @type {import('../frame/failure.js').FailureFacts | null} */ (null));
  const ask = async () => {
    setIsBusy(true);
    setFailure(null);
    try {
      const { stream, category, name } = of;
      const rest = JSON.stringify({ stream, ...(category !== null && { category }), ...(name !== null && { name }), last });
      setTested({ text, result: await send('POST', '/schemas/test', `${rest.slice(0, -1)},"schema":${text}}`) });
    } catch (error) {
      setFailure(failureOf('The test failed.', error));
    }
    setIsBusy(false);
  };
  return html`<section class="schema-part" aria-label="Test">
    <h2>Test</h2>
    <p class="actions">
      <label>Against the last <select value=${String(last)} onChange=${(/** @type {any} */ event) => setLast(Number(event.target.value))}>
        ${LAST.map((n) => html`<option value=${String(n)}>${count(n)}</option>`)}</select> events of this kind</label>
      <button onClick=${ask} disabled=${!isReady || isBusy} data-test="test">Test</button>
    </p>
    ${failure !== null && html`<${Failure} facts=${failure} onRetry=${ask} />`}
    ${tested !== null && html`<${Outcome} result=${tested.result} isOld=${tested.text !== text} stream=${of.stream} />`}
  </section>`;
}

/** @param {{ result: Result, isOld: boolean, stream: string }} props */
function Outcome({ result: { examined, valid, invalid, newly_invalid: newlyInvalid, newly_valid: newlyValid, groups }, isOld, stream }) {
  if (examined === 0) return html`<p data-test="tested">No event of this kind is stored yet.</p>`;
  return html`
    <p data-test="tested">Of ${count(examined)} events <b class="ok">✓ ${count(valid)} would be valid</b> and <b class=${invalid > 0 ? 'bad' : ''}>✗ ${count(invalid)} invalid</b>.
      ${newlyInvalid > 0 && html` <b class="bad">${count(newlyInvalid)} of them are valid now.</b>`}${newlyValid > 0 && html` <b>${count(newlyValid)} that are invalid now would be valid.</b>`}
      ${isOld && html` <span class="warn">The text was changed since.</span>`}</p>
    ${groups.length > 0 && html`<${Table} caption="Why, most frequent first" test="test-groups" head=${['Where', 'Rule', 'Events', 'Message', 'One of them']}
      rows=${groups.map(({ pointer, rule, message, count: n, sample }) => [
        html`<code><${Untrusted} text=${pointer} charsMax=${200} /></code>`, html`<${Untrusted} text=${rule} />`, count(n), html`<${Untrusted} text=${message} charsMax=${300} />`,
        html`<a href=${eventHref(sample.id, stream === 'events' ? null : stream)}><${Untrusted} text=${sample.id} charsMax=${40} /></a>`,
      ])} />`}
  `;
}
