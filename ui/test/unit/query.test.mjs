// Published queries: addresses, answers as they were written, and what may be drawn as a line.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { adHocOf, answerOf, askPath, barsOf, chartOf, csvOf, defaultsOf, figuresOf, missing, planPath, queryHref, shownCell, snippets, sqlCurl, valuesOf } from '../../lib/query.js';
import { parseRoute } from '../../lib/route.js';

/** @param {string} name @param {string} type @param {object} [more] */
const param = (name, type, more) => ({ name, type, optional: false, default: null, description: null, ...more });
const QUERY = {
  name: 'a/b rates', path: '/rates', description: null, public: true, scope: null, cache_s: null, calls: 0, mean_ms: null, p99_ms: null, refused: 0, failed: 0,
  params: [param('from', 'date'), param('p.x', 'text[]', { optional: true }), param('run', 'int', { default: 5 })],
};

test('the console’s address keeps the values, whatever the parameters are called', () => {
  const values = new Map([['from', ['2016-01-01']], ['p.x', ['CN&=1', 'b c']], ['run', ['7']]]);
  const url = new URL(queryHref(QUERY.name, values, true), 'http://h');
  const { screen, id, query } = parseRoute(url.pathname, url.search);
  assert.deepEqual([screen, id, query.has('run')], ['sql', 'a/b rates', true]);
  assert.deepEqual(valuesOf(query, QUERY.params), values);
  assert.equal(askPath(QUERY, values, '.csv'), '/rates.csv?from=2016-01-01&p.x=CN%26%3D1&p.x=b+c&run=7');
  assert.equal(planPath(QUERY, values), '/queries/a%2Fb%20rates/plan?from=2016-01-01&p.x=CN%26%3D1&p.x=b+c&run=7');
  assert.equal(askPath(QUERY, new Map()), '/rates');
  assert.equal(queryHref('q'), '/ui/sql/q');
});

test('what became of a query is said in a line, and what went wrong apart', () => {
  assert.deepEqual(figuresOf(QUERY), ['no call yet', '']);
  assert.deepEqual(figuresOf({ ...QUERY, failed: 3 }), ['none answered', '3 failed']);
  assert.deepEqual(figuresOf({ ...QUERY, calls: 1, mean_ms: 0.04, p99_ms: 12.34, failed: 2 }), ['1 call, mean 0 ms, 99 % within 12.3 ms', '2 failed']);
  assert.deepEqual(figuresOf({ ...QUERY, calls: 1200, mean_ms: 99.96, p99_ms: 1234.5, refused: 3, failed: 1 }), ['1200 calls, mean 100 ms, 99 % within 1235 ms', '3 refused, 1 failed']);
});

test('what must be given is named', () => {
  assert.deepEqual(missing(QUERY, new Map()), ['from']);
  assert.deepEqual(missing(QUERY, new Map([['from', ['2016-01-01']]])), []);
  assert.deepEqual(defaultsOf(param('x', 'text[]', { default: ['a', 'b'] })), ['a', 'b']);
  assert.deepEqual(defaultsOf(param('x', 'bool', { default: false })), ['false']);
});

test('cells are what stands in the answer', () => {
  const { columns, rows } = answerOf('{"rates": [ {"n":12345678901234567890, "d":1.10,"\\u0061":"x\\ny","j":{"k":[1, 2]},"d":null},{"n":-0,"d":1e400,"a":"","j":true,"d":2} ] }');
  assert.deepEqual(columns, ['n', 'd', 'a', 'j', 'd']);
  assert.deepEqual(rows, [['12345678901234567890', '1.10', '"x\\ny"', '{"k":[1, 2]}', 'null'], ['-0', '1e400', '""', 'true', '2']]);
  assert.deepEqual(rows[0]?.map(shownCell), ['12345678901234567890', '1.10', 'x\ny', '{"k":[1, 2]}', 'null']);
  assert.deepEqual(answerOf('{"x":[]}'), { columns: [], rows: [] });
  assert.deepEqual(answerOf('{}'), { columns: [], rows: [] });
});

test('an answer of one’s own SQL names its columns even without rows', () => {
  const own = adHocOf('{"columns":[{"name":"n","type":"int8"},{"name":"__proto__","type":""}],"rows":[[12345678901234567890,"a"],[null,1.0]],"truncated":true,"ms":1.25}');
  assert.deepEqual(own, { columns: ['n', '__proto__'], rows: [['12345678901234567890', '"a"'], ['null', '1.0']], truncated: true, ms: 1.25 });
  assert.deepEqual(adHocOf('{"columns":[{"name":"n","type":""}],"rows":[],"truncated":false,"ms":0}').columns, ['n']);
});

test('days and numbers are a line, in the order of time, with holes', () => {
  const days = { columns: ['day', 'price'], rows: [['"2016-01-03"', '2.5'], ['"2016-01-01"', '1'], ['"2016-01-02"', 'null']] };
  const chart = chartOf(days);
  assert.deepEqual(chart?.lines, [{ label: 'price', values: [1, null, 2.5] }]);
  assert.deepEqual([chart?.stepS, chart?.isDays], [86_400, true]);
  assert.equal(chart?.times[0], Date.parse('2016-01-01') / 1000);
  for (const rows of [
    [['"2016-01-01"', '1']], [['"2016-01-01"', '1'], ['"2016-01-01"', '2']], [['"2016-01-01"', '"a"'], ['"2016-01-02"', '2']], [['"2016-01-01"', '-1'], ['"2016-01-02"', '2']],
    [['"x"', '1'], ['"y"', '2']], [['1', '1'], ['2', '2']], [['"2016-01-01"', 'null'], ['"2016-01-02"', 'null']], [['"2016-99-01"', '1'], ['"2016-01-02"', '2']],
  ]) assert.equal(chartOf({ columns: ['day', 'price'], rows }), null, JSON.stringify(rows));
  assert.equal(chartOf({ columns: ['day'], rows: [['"2016-01-01"'], ['"2016-01-02"']] }), null);
});

test('a name and a number are bars, and the number stays as written', () => {
  const answer = { columns: ['category', 'n'], rows: [['"a"', '10.50'], ['null', '0'], ['3', '21']] };
  assert.deepEqual(barsOf(answer), [{ label: 'a', value: '10.50', share: 0.5 }, { label: 'null', value: '0', share: 0 }, { label: '3', value: '21', share: 1 }]);
  for (const rows of [[['"a"', '1']], [['"a"', '-1'], ['"b"', '2']], [['"a"', '"1"'], ['"b"', '2']], [['"a"', '0'], ['"b"', '0']], [['"a"', '1e400'], ['"b"', '2']], Array(41).fill(['"a"', '1'])]) {
    assert.equal(barsOf({ ...answer, rows }), null);
  }
  assert.equal(barsOf({ columns: ['a', 'n', 'm'], rows: answer.rows }), null);
});

test('examples are quoted for their language, with the token by name', () => {
  const [curl, js, python] = snippets("http://h/rates?x=it's", true).map(([, code]) => code);
  assert.equal(curl, "curl -H \"Authorization: Bearer $TOKEN\" \\\n  'http://h/rates?x=it'\\''s'");
  assert.match(js ?? '', /fetch\("http:\/\/h\/rates\?x=it's", \{/);
  assert.match(python ?? '', /Request\("http:\/\/h\/rates\?x=it's", headers=\{'Authorization': f'Bearer \{TOKEN\}'\}\)/);
  assert.ok(snippets('http://h/', false).every(([, code]) => !code.includes('TOKEN')));
});

test('an answer is CSV: null is empty, digits stay, and no text is a formula', () => {
  const rows = [['null', '""', '"null"'], ['12345678901234567890.10', '"-5"', '-5'], ['"=1+1"', '"a,\\"b\\""', '"x\\ny"'], ['true', '{"a":[1.0]}', '" x"']];
  assert.equal(csvOf({ columns: ['a', '@b', 'c'], rows }), ["a,'@b,c", ',,null', "12345678901234567890.10,'-5,-5", '\'=1+1,"a,""b""","x\ny"', 'true,"{""a"":[1.0]}"," x"', ''].join('\r\n'));
});

test('a statement of one’s own goes to a shell as it is', () => {
  assert.equal(sqlCurl('http://h', "select 'a'", true), 'curl -H "Authorization: Bearer $TOKEN" -H \'Content-Type: application/json\' \\\n  --data-binary \'{"sql":"select \'\\\'\'a\'\\\'\'"}\' \\\n  \'http://h/sql\'');
});
