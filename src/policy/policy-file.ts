import type { Reading } from '../core/signal.ts';
import type { Path, SourceDocument } from '../schema/document.ts';
import { suggest } from '../schema/suggest.ts';
import { checkConditions } from './conditions.ts';
import { parseGiven } from './given.ts';
import { lintReads } from './lint.ts';
import type { Specs } from './names.ts';
import { didYouMean, isMap, type Report } from './report.ts';
import { parseRequire } from './require.ts';
import { LATER_KEYS, LATER_RULE_KEYS, ROLES_KEYS } from './shape.ts';
import { type Expression, type Place, type Policy, type PolicyTest, type Rule, SENSITIVITIES } from './syntax.ts';
import { parseWhen, type Scope } from './when.ts';

const EFFECTS = ['allow', 'deny', 'step_up'] as const;

/**
 * Reads a policy file whose shape was checked (and may still be wrong: what has the wrong shape is passed over here).
 * The policy is usable only if neither check reported an error.
 */
export function parsePolicy(specs: Specs, report: Report, document: SourceDocument): Policy | undefined {
  const { value } = document;
  if (!isMap(value) || typeof value.policy !== 'string') return undefined;
  reportLater(report, value, [], LATER_KEYS);
  for (const key of ROLES_KEYS)
    if (key in value) report.error([key], 'misplaced-key', `"${key}" belongs in roles.yaml.`, 'move it there');
  const conditionValues = isMap(value.conditions) ? value.conditions : {};
  const scope: Scope = { specs, report, conditions: new Set(Object.keys(conditionValues)) };
  const conditions = new Map<string, Expression>();
  const places = new Map<string, Place>();
  for (const name of Object.keys(conditionValues)) {
    const path = ['conditions', name];
    const condition = parseWhen(scope, conditionValues[name], path);
    places.set(name, report.place(path));
    if (condition !== undefined) conditions.set(name, condition);
  }
  const rules = parseRules(scope, value.rules);
  const sound = checkConditions(report, conditions, rules, places);
  const tests = parseTests(specs, report, value.tests, new Set(rules.map((rule) => rule.name)));
  const policy: Policy = {
    name: value.policy,
    file: document.file,
    place: report.place(['policy']),
    timeZone: parseTimeZone(report, value.timezone),
    sensitivity: SENSITIVITIES.find((word) => word === value.sensitivity),
    conditions,
    rules,
    tests,
  };
  if (sound) lintReads(report, specs, policy);
  return policy;
}

function reportLater(
  report: Report,
  value: Readonly<Record<string, unknown>>,
  path: Path,
  keys: readonly string[],
): void {
  for (const key of keys) {
    if (key in value) report.error([...path, key], 'not-available-yet', `"${key}" is not available yet.`, 'remove it');
  }
}

function parseTimeZone(report: Report, value: unknown): string {
  if (typeof value !== 'string') return 'UTC';
  try {
    new Intl.DateTimeFormat('en', { timeZone: value });
    return value;
  } catch {
    const near = suggest(value, Intl.supportedValuesOf('timeZone'));
    report.error(
      ['timezone'],
      'unknown-timezone',
      `There is no time zone "${value.slice(0, 60)}".`,
      didYouMean(near) ?? 'an IANA name such as Europe/Berlin',
    );
    return 'UTC';
  }
}

function parseRules(scope: Scope, value: unknown): Rule[] {
  const rules: Rule[] = [];
  const names = new Map<string, Place>();
  if (!Array.isArray(value)) return rules;
  value.forEach((item: unknown, index) => {
    const rule = isMap(item) ? parseRule(scope, item, ['rules', index]) : undefined;
    if (rule === undefined) return;
    const first = names.get(rule.name);
    if (first === undefined) names.set(rule.name, rule.place);
    else scope.report.errorAt(rule.place, 'duplicate-rule', `Line ${first.line} has a rule "${rule.name}" already.`);
    rules.push(rule);
  });
  return rules;
}

function parseRule(scope: Scope, item: Readonly<Record<string, unknown>>, path: Path): Rule | undefined {
  const { report } = scope;
  reportLater(report, item, path, LATER_RULE_KEYS);
  const when = item.when === undefined ? undefined : parseWhen(scope, item.when, [...path, 'when']);
  const require = item.require === undefined ? undefined : parseRequire(report, item.require, [...path, 'require']);
  const effects = EFFECTS.filter((effect) => effect in item);
  const [effect, second] = effects;
  if (effect === undefined) {
    report.error(
      path,
      'rule-without-effect',
      'This rule neither allows, denies nor steps up.',
      'allow: NAME, deny: NAME or step_up: NAME',
    );
    return undefined;
  }
  if (second !== undefined) {
    report.error(
      [...path, second],
      'rule-with-two-effects',
      `This rule has ${effects.length} effects: ${effects.join(', ')}.`,
      'write one rule for each',
    );
    return undefined;
  }
  const misplaced = (key: string, only: string): void => {
    if (key in item)
      report.error(
        [...path, key],
        'misplaced-key',
        `"${key}" means nothing in a rule that has "${effect}".`,
        `only ${only} has it`,
      );
  };
  if (effect === 'allow') for (const key of ['reason', 'unknown']) misplaced(key, 'a deny or step_up');
  if (effect !== 'step_up') misplaced('require', 'a step_up');
  else if (!('require' in item)) {
    report.error(
      [...path, effect],
      'step-up-without-require',
      'This step_up does not say what it needs.',
      'require: { level: medium }',
    );
  }
  const name = item[effect];
  if (typeof name !== 'string') return undefined;
  const skipUnknown = effect !== 'allow' && item.unknown === 'skip';
  const place = report.place([...path, effect]);
  if (skipUnknown)
    report.warnAt(
      place,
      'unknown-skip',
      `"${name}" does not fire when it cannot be determined; this opens a door when a signal fails.`,
    );
  const reason = typeof item.reason === 'string' ? item.reason : undefined;
  return { name, effect, reason, skipUnknown, when, require, place };
}

/** Reads `tests:`; `rules` are the names that `expect.rule` may have. */
export function parseTests(specs: Specs, report: Report, value: unknown, rules: ReadonlySet<string>): PolicyTest[] {
  const tests: PolicyTest[] = [];
  const names = new Set<string>();
  if (!Array.isArray(value)) return tests;
  value.forEach((item: unknown, index) => {
    if (!isMap(item)) return;
    const path = ['tests', index];
    const given: ReadonlyMap<string, Reading> = parseGiven(specs, report, item.given, [...path, 'given']);
    const expect = isMap(item.expect) ? item.expect : {};
    const { name } = item;
    const effect = (['allow', 'deny', 'step_up', 'login'] as const).find((word) => word === expect.effect);
    if (typeof name !== 'string' || effect === undefined) return;
    if (names.has(name)) report.error([...path, 'name'], 'duplicate-test', 'Another test of this file has this name.');
    names.add(name);
    const rule = typeof expect.rule === 'string' ? expect.rule : undefined;
    if (rule !== undefined && !rules.has(rule)) {
      report.error(
        [...path, 'expect', 'rule'],
        'unknown-rule',
        `The policy has no rule "${rule}".`,
        didYouMean(suggest(rule, rules)),
      );
    }
    const reason = typeof expect.reason === 'string' ? expect.reason : undefined;
    tests.push({
      name,
      file: report.file,
      place: report.place([...path, 'name']),
      given,
      expect: { effect, rule, reason },
    });
  });
  return tests;
}
