// All that a schema has been: each version, what it differs in from the text above, and the way back to it.

import { html, useState } from '../vendor/preact.js';

import { ApiError, request, send } from '../lib/api.js';
import { lineDiff } from '../lib/line-diff.js';
import { pretty } from '../lib/pretty.js';
import { elements, members, skipValue } from '../lib/raw-json.js';
import { keyQuery } from '../lib/route.js';
import { Ask } from '../frame/dialog.js';
import { Table } from '../frame/table.js';
import { count, Time, Untrusted } from '../frame/text.js';
import { nowMs } from '../live/live.js';

/** @typedef {import('./screen.js').Key} Key */
/** @typedef {{ version: number, text: string, createdAt: string, createdBy: string, isActive: boolean }} Version */

/**
 * The schemas as they were written: their texts are cut out, not read.
 * @param {Key} key
 * @returns {Promise<Version[]>} oldest first; none for a key that is not known
 */
export async function readVersions(key) {
  try {
    const answer = await request(`/schemas/versions?${keyQuery(key)}`);
    const list = [...members(answer)].find((member) => member.key === 'versions');
    return (list === undefined ? [] : elements(answer, list.from)).map(versionOf).sort((a, b) => a.version - b.version);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return [];
    throw error;
  }
}

/** @param {string} text @returns {Version} */
function versionOf(text) {
  const { version, created_at: createdAt, created_by: createdBy, active: isActive } = JSON.parse(text);
  const from = [...members(text)].find(({ key }) => key === 'schema')?.from;
  return { version, createdAt, createdBy, isActive, text: from === undefined ? '{}' : pretty(text.slice(from, skipValue(text, from))) };
}

/** @param {{ of: Key, list: Version[], text: string, isFixed: boolean, onOpen: (text: string) => void, again: () => void }} props */
export function Versions({ of, list, text, isFixed, onOpen, again }) {
  const [compared, setCompared] = useState(/** @type {number | null} */ (null));
  const [chosen, setChosen] = useState(/** @type {Version | null} */ (null));
  const other = list.find(({ version }) => version === compared);
  if (list.length === 0) return null;
  const activate = async () => {
    await send('POST', '/schemas/activate', { ...of, version: chosen?.version });
    again();
  };
  return html`<section class="schema-part" aria-label="Versions">
    <h2>Versions</h2>
    <${Table} caption="Newest first" test="versions" head=${['Version', 'State', 'Written', 'Actions']}
      rows=${[...list].reverse().map((version) => [
        count(version.version),
        version.isActive ? html`<b class="ok"><span aria-hidden="true">✓</span> in force</b>` : html`<span class="none">–</span>`,
        html`<${Time} at=${version.createdAt} nowMs=${nowMs()} /> <span class="muted">by <${Untrusted} text=${version.createdBy} charsMax=${40} /></span>`,
        html`<span class="actions">
          <button onClick=${() => onOpen(version.text)} aria-label=${`Open version ${version.version}`}>Open</button>
          <button onClick=${() => setCompared(compared === version.version ? null : version.version)} aria-pressed=${String(compared === version.version)} aria-label=${`Compare with version ${version.version}`}>Compare</button>
          ${!version.isActive && html`<button disabled=${isFixed} onClick=${() => setChosen(version)} aria-label=${`Put version ${version.version} in force`}>Put in force</button>`}
        </span>`,
      ])} />
    ${other !== undefined && html`<${Difference} from=${other.text} to=${text} version=${other.version} />`}
    ${chosen !== null && html`<${Ask} title=${`Put version ${chosen.version} in force?`} submit="Put in force" onSubmit=${activate} onClose=${() => setChosen(null)}>
      <p>It judges what arrives from now on. Test it first: open it, then Test.</p><//>`}
  </section>`;
}

/** @param {{ from: string, to: string, version: number }} props */
function Difference({ from, to, version }) {
  const lines = lineDiff(from, to);
  return html`<h3>From version ${count(version)} to the text above</h3>
    ${lines === null
      ? html`<p>Both are too long to compare here.</p>`
      : lines.every(({ sign }) => sign === ' ')
        ? html`<p data-test="diff">They are the same.</p>`
        : html`<pre class="command diff" tabindex="0" aria-label="Difference" data-test="diff">${lines.map(({ sign, text }) =>
            html`<span class=${sign === '+' ? 'ok' : sign === '-' ? 'bad' : ''}>${sign} <${Untrusted} text=${text} charsMax=${2000} layout />${'\n'}</span>`)}</pre>`}`;
}
