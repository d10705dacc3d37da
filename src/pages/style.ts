import { hash } from 'node:crypto';

/** Colours of both schemes. Every pair of text and ground meets WCAG 2.2 AA, 4.5 to 1; the test computes it. */
export const PALETTE = {
  light: {
    ground: '#f4f5f7',
    card: '#ffffff',
    text: '#1b2430',
    muted: '#55606e',
    line: '#8a94a3',
    accent: '#1f5fbf',
    onAccent: '#ffffff',
    alertText: '#8f1d1d',
    alertGround: '#fdecec',
  },
  dark: {
    ground: '#10151c',
    card: '#19212b',
    text: '#e8ecf1',
    muted: '#a8b3c1',
    line: '#6c7a8b',
    accent: '#8ab8ff',
    onAccent: '#0b1a30',
    alertText: '#ffb4ab',
    alertGround: '#3a1a1a',
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, string>>>>;

const variables = (colours: Readonly<Record<string, string>>): string =>
  Object.entries(colours)
    .map(([name, value]) => `--${name}:${value}`)
    .join(';');

/** The one stylesheet of all pages: inline, so that a refusal needs no second request, and allowed by its hash. */
export const STYLESHEET = `
:root{${variables(PALETTE.light)};color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{${variables(PALETTE.dark)}}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;min-height:100vh;min-height:100dvh;display:flex;flex-direction:column;align-items:center;justify-content:center;padding:1.5rem 1rem;background:var(--ground);color:var(--text);font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;overflow-wrap:anywhere}
main{width:100%;max-width:30rem;background:var(--card);border:1px solid color-mix(in srgb,var(--line) 40%,transparent);border-radius:1rem;padding:2rem;box-shadow:0 1px 2px rgb(0 0 0/.06),0 8px 32px rgb(0 0 0/.08)}
.brand{display:flex;align-items:center;gap:.6rem;margin-bottom:1.5rem;color:var(--muted);font-weight:600}
.brand svg{width:1.75rem;height:1.75rem;color:var(--accent);flex:none}
h1{margin:0 0 .75rem;font-size:1.5rem;line-height:1.25;letter-spacing:-.01em;text-wrap:balance}
p{margin:0 0 1rem}
a{color:var(--accent)}
.muted{color:var(--muted)}
label{display:block;margin:1rem 0 .35rem;font-weight:600}
input,select{width:100%;min-height:2.9rem;padding:.6rem .8rem;font:inherit;color:var(--text);background:var(--ground);border:1px solid var(--line);border-radius:.6rem}
.items{list-style:none;margin:0 0 1rem;padding:0}
.items li{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:center;justify-content:space-between;padding:.75rem 0;border-top:1px solid color-mix(in srgb,var(--line) 40%,transparent)}
.items .muted{display:block;font-size:.9rem}
h2{margin:2rem 0 .5rem;font-size:1.15rem}
.qr{display:block;width:14rem;max-width:100%;height:auto;margin:0 auto 1rem;border-radius:.6rem}
.codes{columns:2;padding:0;list-style:none;font-size:1.15rem}
.codes li{padding:.2rem 0}
.actions{display:flex;flex-wrap:wrap;gap:.75rem;margin:1.5rem 0 0}
.button{display:inline-flex;align-items:center;justify-content:center;min-height:2.9rem;padding:.6rem 1.25rem;font:inherit;font-weight:600;text-align:center;text-decoration:none;border:1px solid var(--accent);border-radius:.6rem;color:var(--accent);background:transparent;cursor:pointer}
.primary{background:var(--accent);color:var(--onAccent)}
.wide{width:100%}
.button:hover{text-decoration:underline}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.alert{margin:0 0 1rem;padding:.75rem 1rem;border-radius:.6rem;border:1px solid currentColor;color:var(--alertText);background:var(--alertGround)}
dl{margin:1.5rem 0 0;padding-top:1rem;border-top:1px solid color-mix(in srgb,var(--line) 40%,transparent);font-size:.9rem}
dt{color:var(--muted)}
dd{margin:0 0 .6rem}
dd .muted{display:block}
code{font:.95em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;user-select:all;-webkit-user-select:all}
@media (max-width:30rem){main{padding:1.5rem 1.25rem}.actions .button{width:100%}}
@media (forced-colors:active){.button,input,select,main{border-color:ButtonText}}
@media print{body{min-height:0}main{border:0;box-shadow:none}.actions{display:none}}
`;

/** `'sha256-…'` of the stylesheet, for style-src (CSP Level 3, section 6.7.2). */
export const STYLE_HASH = `'sha256-${hash('sha256', STYLESHEET, 'base64')}'`;
