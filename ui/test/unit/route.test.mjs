// An address is written and read back without loss, whatever the id is.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { batchHref, eventHref, eventPath, eventsHref, isAddressable, isUuid, liveHref, parseRoute, sessionHref } from '../../lib/route.js';

/** As the browser splits an address. @param {string} href */
function read(href) {
  const url = new URL(href, 'http://127.0.0.1:8080');
  return parseRoute(url.pathname, url.search);
}

const IDS = ['a', '019ab3c1-5f2e-7c3a-9a51-2f6d3c0b7e11', 'a/b', '../../status', '?x#y', '%2F', '100%', ' ', '\u202Ex', '🦅', '<script>', '__proto__', 'health', '...', 'a\\b', '"\''];

test('ids come back from their address', () => {
  for (const id of IDS) {
    assert.equal(isAddressable(id), true);
    assert.deepEqual([read(eventHref(id)).screen, read(eventHref(id)).id], ['event', id]);
    assert.equal(read(eventHref(id, 'a&b=c')).query.get('stream'), 'a&b=c');
    assert.deepEqual([read(batchHref(id)).screen, read(batchHref(id)).id], ['batches', id]);
    assert.deepEqual([read(sessionHref(id)).screen, read(sessionHref(id)).id], ['session', id]);
  }
});

test('ids that browsers take out of a path open on Live', () => {
  for (const id of ['.', '..']) {
    assert.equal(isAddressable(id), false);
    const { screen, query } = read(eventHref(id));
    assert.deepEqual([screen, query.get('event')], ['live', id]);
  }
});

test('an event whose id is the name of something else in the API is found all the same', () => {
  assert.deepEqual(['facets', 'histogram', 'count', 'counts', 'a/b'].map(eventPath), ['/events/%66acets', '/events/%68istogram', '/events/%63ount', '/events/counts', '/events/a%2Fb']);
});

test('half a surrogate pair is no reason to fail', () => {
  assert.equal(read(eventHref('a\ud800')).id, 'a\ufffd');
  assert.equal(read('/ui/events/%E0%A4%A').id, '%E0%A4%A');
});

test('every address names a screen, or none', () => {
  for (const href of ['/ui', '/ui/', '/ui/?name=x', '/ui/index.html']) assert.equal(read(href).screen, 'live', href);
  for (const href of ['/ui/health', '/ui/health/', '/ui/health?range=1h']) assert.equal(read(href).screen, 'health', href);
  for (const href of ['/ui/events', '/ui/events/', '/ui/events?last=1h']) assert.equal(read(href).screen, 'events', href);
  for (const href of ['/ui/sql', '/ui/sql/', '/ui/sql?sql=x']) assert.equal(read(href).screen, 'sql', href);
  for (const href of ['/ui/batches', '/ui/batches/?state=queued']) assert.equal(read(href).screen, 'batches', href);
  for (const href of ['/ui/sessions/', '/ui/nothing', '/ui/health/x']) assert.equal(read(href).screen, 'missing', href);
  assert.equal(liveHref(new URLSearchParams()), '/ui/');
  assert.equal(eventsHref(new URLSearchParams()), '/ui/events');
  assert.equal(eventsHref(new URLSearchParams({ last: '1h' })), '/ui/events?last=1h');
  assert.equal(read(liveHref(new URLSearchParams({ name: 'a&b' }))).query.get('name'), 'a&b');
});

test('a whole UUID is one, a part of it or more than it is none', () => {
  assert.equal(isUuid('019ab3c1-5f2e-7c3a-9a51-2f6d3c0b7e11'), true);
  assert.equal(isUuid('019AB3C1-5F2E-7C3A-9A51-2F6D3C0B7E11'), true);
  for (const text of ['', '019ab3c1', '019ab3c1-5f2e-7c3a-9a51-2f6d3c0b7e1', ' 019ab3c1-5f2e-7c3a-9a51-2f6d3c0b7e11', '019ab3c15f2e7c3a9a512f6d3c0b7e11']) assert.equal(isUuid(text), false);
});
