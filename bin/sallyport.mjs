#!/usr/bin/env node
// Plain old syntax on purpose: this file must still parse on a Node that is too old for everything else.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(
    `sallyport needs Node 24 or newer; this is Node ${process.versions.node}.\n` +
      'In a clone, `npm ci` brings the right Node along: start with `npm start` or `npx sallyport …`, which use it.\n' +
      'Elsewhere, install Node 24 from https://nodejs.org/ or your distribution.',
  );
  process.exit(1);
}

// Now and then V8 decides that a literal of the request path lives long and puts every later one into the old heap; each keeps
// its whole request alive until the next full collection, and these come five times as often (docs/performance.md).
setFlagsFromString('--no-allocation-site-pretenuring');
// After eight quiet seconds V8 gives memory back, and the next burst pays with full collections for getting it again. A gateway is
// quiet for seconds all the time; here it takes ten minutes.
setFlagsFromString('--gc-memory-reducer-start-delay-ms=600000');

const source = new URL('../src/main.ts', import.meta.url);
// a clone runs its sources, whatever an old build left behind; the package ships only dist
await import(existsSync(fileURLToPath(source)) ? source.href : new URL('../dist/main.js', import.meta.url).href);
