// What node-postgres sees through a gateway that refuses DROP. argv: the port, the
// CA of the gateway.
'use strict';
const fs = require('fs');
const { Readable, Writable } = require('stream');
const { pipeline } = require('stream/promises');
const { Client, Query } = require('pg');
const { from, to } = require('pg-copy-streams');
const Cursor = require('pg-cursor');

const options = {
  host: '127.0.0.1', port: +process.argv[2], user: 'anybody', password: 'anything', database: 'postgres',
  ssl: { ca: fs.readFileSync(process.argv[3]), servername: 'db.example.com', checkServerIdentity: (_, cert) => verify(cert) },
};

function verify(cert) {
  return cert.subjectaltname.includes('DNS:db.example.com') ? undefined : new Error('the certificate of ' + cert.subjectaltname);
}

// refused gives the SQLSTATE that a query ends with, and the reason if the gateway gives one.
async function refused(query) {
  try {
    await query;
  } catch (e) {
    return e.code + (e.message.includes('Tables stay.') ? ' Tables stay.' : '');
  }
  return 'passed';
}

async function main() {
  const c = new Client(options);
  await c.connect();
  const one = async (text, values) => Object.values((await c.query(text, values)).rows[0])[0];
  const say = (...words) => console.log(words.join(' '));

  say('allow:', await one('SELECT count(*)::int FROM users WHERE id <= $1', [10]));
  say('deny:', await refused(c.query('DROP TABLE doomed')), await one('SELECT 1'));

  await c.query('BEGIN');
  await c.query('INSERT INTO scratch VALUES ($1, $2)', [1, 'gone']);
  const codes = [await refused(c.query('DROP TABLE doomed')), await refused(c.query('SELECT 1'))];
  await c.query('ROLLBACK');
  say('transaction:', ...codes, await one('SELECT count(*)::int FROM scratch'));

  // It waits for each answer; several statements are sent at once.
  say('pipeline:', await refused(c.query('SELECT 1; DROP TABLE doomed; SELECT 2')), await one('SELECT 3'));

  const slow = new Query('SELECT count(*) FROM users a, users b, users c, users d');
  const ended = new Promise((yes, no) => slow.once('error', no).once('end', yes));
  c.query(slow);
  // A cancel that comes before its query cancels nothing.
  const cancel = () => new Client(options).cancel(c, slow);
  const timers = [setTimeout(cancel, 1000), setInterval(cancel, 5000)];
  const code = await refused(ended);
  clearTimeout(timers[0]);
  clearInterval(timers[1]);
  say('cancel:', code, await one('SELECT 4'));

  const rows = Readable.from((function* () { for (let n = 0; n < 500; n++) yield `${n}\trow ${n}\n`; })());
  await pipeline(rows, c.query(from('COPY scratch FROM STDIN')));
  let text = '';
  await pipeline(c.query(to('COPY scratch TO STDOUT')), new Writable({ write(b, _, done) { text += b; done(); } }));
  say('copy:', text.split('\n').length - 1);

  await c.query({ name: 'tidy', text: 'DELETE FROM scratch WHERE id >= $1', values: [0] });
  const cursor = c.query(new Cursor("SELECT g, repeat('x', 100) FROM generate_series(1, 100000) g"));
  let sum = 0;
  for (let got; (got = await cursor.read(5000)).length > 0;) for (const r of got) sum += r.g;
  say('large:', sum);
  await cursor.close();
  await c.end();
}

main().catch((e) => { console.log(e); process.exit(1); });
