// Regenerates everything under ui/vendor/ from npm, or proves that it is what npm gives.
//
//   npm ci && node vendor/regenerate.mjs            write the files
//   npm ci && node vendor/regenerate.mjs --check    compare only; ends with 1 where they differ
//
// The versions are those of ui/package-lock.json: there is no second list of them. Gzip files are
// compared by what they hold, because the packed bytes depend on the version of zlib.

import { readFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';

import { build } from 'esbuild';

const vendor = dirname(fileURLToPath(import.meta.url));
const modules = join(vendor, '..', 'node_modules');

/** What the console uses of the three libraries, under one name. */
const ENTRY = `
  import { h } from 'preact';
  import htm from 'htm';
  export { h, render, Component, Fragment } from 'preact';
  export { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
  export { batch, computed, effect, signal, untracked } from '@preact/signals';
  export const html = htm.bind(h);
`;

/** @param {string} name */
const version = async (name) =>
  JSON.parse(await readFile(join(modules, name, 'package.json'), 'utf8')).version;

async function preactBundle() {
  const names = ['preact', 'htm', '@preact/signals', '@preact/signals-core'];
  const list = await Promise.all(names.map(async (name) => `${name} ${await version(name)}`));
  const out = await build({
    stdin: { contents: ENTRY, resolveDir: join(vendor, '..'), loader: 'js' },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    legalComments: 'none',
    write: false,
    banner: {
      js: `// Vendored by vendor/regenerate.mjs: ${list.join(', ')}. Licences: vendor/licences/.`,
    },
  });
  return Buffer.from(out.outputFiles.map(({ text }) => text).join(''));
}

/** @param {string} path */
const npm = (path) => readFile(join(modules, path));

/** Without the pointer to a source map that is not served. @param {string} path */
const npmWithoutMap = async (path) =>
  Buffer.from((await npm(path)).toString('utf8').replace(/\n?(\/\/|\/\*)# sourceMappingURL=\S*( \*\/)?\s*$/, '\n'));

const files = new Map([
  ['preact.js', await preactBundle()],
  ['licences/preact.txt', await npm('preact/LICENSE')],
  ['licences/htm.txt', await npm('htm/LICENSE')],
  ['licences/signals.txt', await npm('@preact/signals/LICENSE')],
  ['swagger-ui/swagger-ui-bundle.js.gz', await npmWithoutMap('swagger-ui-dist/swagger-ui-bundle.js')],
  ['swagger-ui/swagger-ui.css.gz', await npmWithoutMap('swagger-ui-dist/swagger-ui.css')],
  ['swagger-ui/LICENSE', await npm('swagger-ui-dist/LICENSE')],
  ['swagger-ui/NOTICE', await npm('swagger-ui-dist/NOTICE')],
  ['swagger-ui/bundled-licences.txt', await npm('swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt')],
]);

const check = process.argv.includes('--check');
let differing = 0;
for (const [name, wanted] of files) {
  const path = join(vendor, name);
  const zipped = name.endsWith('.gz');
  const found = await readFile(path).catch(() => null);
  const same = found !== null && (zipped ? gunzipSync(found) : found).equals(wanted);
  if (same) continue;
  if (check) {
    console.error(`differs: ui/vendor/${name}`);
    differing += 1;
  } else {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, zipped ? gzipSync(wanted, { level: 9 }) : wanted);
    console.log(`written: ui/vendor/${name}`);
  }
}
process.exitCode = differing > 0 ? 1 : 0;
