import { readFileSync } from 'node:fs';

// src/cli and dist/cli lie equally deep
const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');

/** Version of the package, as `--version` and the build metric say it. */
export const VERSION: string = String(JSON.parse(text).version);
