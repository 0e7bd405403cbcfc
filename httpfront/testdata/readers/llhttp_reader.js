// Reads HTTP/1.1 connections with llhttp, the parser of Node.js, for differential_test.go. The frames and the answers
// are those of h11_reader.py.
'use strict';

const {HTTPParser, methods} = require('_http_common');
const {writeSync, readSync} = require('fs');

function read(wire) {
  const messages = [];
  let message = null;
  let stop = null;
  let url = '';
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.REQUEST, {}, 1 << 20, 0); // 0: nothing lenient
  parser[HTTPParser.kOnMessageBegin] = () => {
    message = {method: '', target: '', body: ''};
    url = '';
  };
  parser[HTTPParser.kOnHeaders] = (headers, part) => { url += part; };
  parser[HTTPParser.kOnHeadersComplete] =
    (major, minor, headers, method, target, status, reason, upgrade, keeps) => {
      message.method = methods[method];
      message.target = url + (target || '');
      url = '';
      message.keeps = keeps;
      message.upgrade = upgrade;
      return 0;
    };
  parser[HTTPParser.kOnBody] = (part) => { message.body += part.toString('latin1'); };
  parser[HTTPParser.kOnMessageComplete] = () => {
    if (stop !== null) return;
    if (message.upgrade) stop = 'switched';
    else if (!message.keeps) stop = 'closed';
    messages.push({method: message.method, target: message.target, body: message.body});
    message = null;
  };
  const result = parser.execute(wire);
  let end = 'idle';
  let why = '';
  if (stop !== null) {
    end = stop;
  } else if (result instanceof Error) {
    end = 'refused';
    why = result.code + ' ' + result.reason;
  } else if (message !== null && message.upgrade) {
    end = 'switched'; // Node.js hides what follows, errors too
  } else if (message !== null) {
    end = 'cut';
  }
  parser.close();
  return {messages, end, why};
}

function readFull(buffer) {
  let have = 0;
  while (have < buffer.length) {
    let n;
    try {
      n = readSync(0, buffer, have, buffer.length - have, null);
    } catch (error) {
      if (error.code === 'EAGAIN') continue;
      throw error;
    }
    if (n === 0) return false;
    have += n;
  }
  return true;
}

const head = Buffer.alloc(4);
while (readFull(head)) {
  const wire = Buffer.alloc(head.readUInt32LE(0));
  readFull(wire);
  writeSync(1, JSON.stringify(read(wire)) + '\n');
}
