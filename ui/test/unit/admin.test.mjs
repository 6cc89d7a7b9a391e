// What the screens that administer send and put into addresses: filters of dead letters, scopes, keys of schemas.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { deadHref, filterBody, filterOf, filterQuery, groupFilter } from '../../lib/dead-filter.js';
import { appHref, keyQuery, parseRoute, schemaHref } from '../../lib/route.js';
import { scopesOf } from '../../lib/scopes.js';

/** @param {string} href */
const read = (href) => {
  const url = new URL(href, 'http://127.0.0.1:8080');
  return parseRoute(url.pathname, url.search);
};

test('a filter of dead letters comes back from its address', () => {
  for (const filter of [
    filterOf(new URLSearchParams()),
    filterOf(new URLSearchParams({ state: 'discarded', name: '&=#', reason: 'refused' })),
    groupFilter('open', { reason: 'refused', application: null, stream: 'events', category: '<b>', name: '\u202Ex' }),
  ]) {
    const { screen, id, query } = read(deadHref(filter));
    assert.deepEqual([screen, id, filterOf(query)], ['dead', '', filter]);
  }
  assert.equal(deadHref(filterOf(new URLSearchParams())), '/ui/dead');
  assert.equal(filterOf(new URLSearchParams({ state: '__proto__' })).state, 'open');
});

test('a group’s letters are those with exactly its labels; a label that is missing is empty', () => {
  const filter = groupFilter('open', { reason: 'refused', application: null, stream: 'events', category: 'a', name: null });
  assert.equal(String(filterQuery(filter)), 'reason=refused&application=&stream=events&category=a&name=');
  assert.deepEqual(filterBody(filter), { state: 'open', reason: 'refused', application: null, stream: 'events', category: 'a', name: null });
  assert.deepEqual(filterBody({ state: 'discarded', labels: [] }), { state: 'discarded' });
});

test('scopes are narrowed to the named streams, but administration is not', () => {
  assert.deepEqual(scopesOf(['write', 'read', 'admin'], ''), ['write', 'read', 'admin']);
  assert.deepEqual(scopesOf(['write', 'admin'], ' orders, prices orders'), ['write:orders', 'write:prices', 'admin']);
  assert.deepEqual(scopesOf([], 'orders'), []);
});

test('a key of a schema is an address; what it leaves open is left out', () => {
  assert.equal(schemaHref({ stream: 'events', category: null, name: null }), '/ui/schemas?stream=events');
  const key = { stream: 'a&b', category: '', name: '%2F' };
  const { screen, query } = read(schemaHref(key));
  assert.deepEqual([screen, query.get('stream'), query.get('category'), query.get('name')], ['schemas', 'a&b', '', '%2F']);
  assert.equal(keyQuery({ stream: 's', category: null, name: 'n' }).has('category'), false);
});

test('every screen of administration has its address, and no more than that', () => {
  assert.deepEqual([read('/ui/apps').screen, read(appHref('web.1')).id], ['apps', 'web.1']);
  assert.deepEqual([read('/ui/dead/17').screen, read('/ui/dead/17').id], ['dead', '17']);
  assert.equal(read('/ui/schemas/x').screen, 'missing');
});
