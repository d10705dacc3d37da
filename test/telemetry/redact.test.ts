import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isSecretKey, MAX_VALUE_LENGTH, safeField, safeText } from '../../src/telemetry/redact.ts';

const bits = `${'A'.repeat(21)}_-${'z9'.repeat(10)}`; // 43 characters of base64url, as 256 bits are written

describe('secrets are redacted by key', () => {
  test.each(
    [
      'authorization',
      'Authorization',
      'cookie',
      'set-cookie',
      'Set_Cookie',
      'password',
      'new_password',
      'newPassword',
      'token',
      'access_token',
      'refreshToken',
      'client_secret',
      'secret',
      'csrf',
      'csrf_token',
      'code',
      'totp_code',
      'backupCode',
      'proxy-authorization',
      'api_key',
      'private.key',
      'X-API-Key',
    ].map((key) => [key]),
  )('%s', (key) => {
    expect(isSecretKey(key)).toBe(true);
    expect(safeField(key, 'hunter2')).toBe('[redacted]');
  });
  test.each([
    ['status_code'],
    ['exit_code'],
    ['token_count'],
    ['cookie_name'],
    ['user'],
    ['route'],
    ['reason'],
    ['decoded'],
  ])('%s is no secret', (key) => expect(isSecretKey(key)).toBe(false));
});

describe('secrets are redacted by shape', () => {
  test.each([
    ['a session cookie', `03.${bits}`, bits],
    ['a session cookie within a Cookie line', `a=b; sallyport=03.${bits}; c=d`, bits],
    ['a host cookie', `__Host-sallyport=x7.${bits}`, bits],
    ['an access token', `spt_${bits}`, bits],
    ['a refresh token', `got spr_${bits} from`, bits],
    ['a service token', `sps_abcdefgh1234`, 'abcdefgh1234'],
    ['a JWT', `eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl`, 'c2lnbmF0dXJl'],
    ['half a JWT', `eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbm4i`, 'zdWIiOiJhbm4i'],
    ['a bearer header', 'Bearer abc.def', 'abc.def'],
    ['a basic header', 'basic YW5uOnNlY3JldA==', 'YW5u'],
    ['a code in an address', 'https://a.example/.sallyport/accept?code=abcdef123&x=1', 'abcdef123'],
    ['a password in an address', 'redis://:hunter2@localhost:6379/0', 'hunter2'],
    ['a form body', 'username=ann&password=hunter2&csrf=zzz', 'hunter2'],
    ['a private key', '-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----', 'MIIEvQ'],
  ])('%s', (_name, text, secret) => {
    expect(safeText(text)).not.toContain(secret);
    expect(safeText(text)).toContain('[redacted]');
  });

  test.each([
    ['a session id', 'ses_abcdefghijklmnopqrstuvwxyz'],
    ['a request id', 'abcdefghijklmnopqrstuvwxyz'],
    ['a user', 'staff:ann'],
    ['a path', '/reports/2026/q3.html'],
    ['a host', 'wiki.example.com:8080'],
    [
      'a user agent',
      'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36',
    ],
  ])('%s stays readable', (_name, text) => expect(safeText(text)).toBe(text));

  test('whatever surrounds a secret, it does not come through', () => {
    const secret = fc.constantFrom(`07.${bits}`, `spt_${bits}`, `eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.${bits}`);
    const around = fc.string({ maxLength: 3000 }).map((s) => s.replace(/[\w-]/g, ' '));
    fc.assert(
      fc.property(secret, around, around, (s, before, after) => {
        expect(safeText(`${before} ${s} ${after}`)).not.toContain(bits.slice(0, 20));
      }),
    );
  });
});

describe('values are bounded and escaped', () => {
  test('controls, line ends, terminal escapes and reordering marks become letters', () => {
    expect(safeText('a\r\nb\u001b[31mc\u202ed\u0085')).toBe('a\\u000d\\u000ab\\u001b[31mc\\u202ed\\u0085');
  });
  test('a long value is cut and says so', () => {
    const safe = safeText('x y'.repeat(10_000));
    expect(safe.length).toBe(MAX_VALUE_LENGTH);
    expect(safe.endsWith('…')).toBe(true);
  });
  test('any text gives a bounded, well-formed, control-free one', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 5000 }), (text) => {
        const safe = safeText(text);
        expect(safe.length).toBeLessThanOrEqual(MAX_VALUE_LENGTH);
        expect(safe.isWellFormed()).toBe(true);
        expect(safe).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e]/u);
      }),
    );
  });
  test('a number that JSON cannot hold becomes text', () => {
    expect(safeField('ms', Number.NaN)).toBe('NaN');
    expect(safeField('ms', 1.5)).toBe(1.5);
  });
});
