import type { DecisionJson, ExplanationJson, NeedJson } from '../app/explanation-json.ts';
import type { ExplainedCondition } from '../policy/condition.ts';
import type { ExplainedRule } from '../policy/explain.ts';
import { paint, printable } from './output.ts';

/** An explanation for people: the answer first, then every rule with what made it true, false or unknown. */
export function explanationText({ request, ...explanation }: ExplanationJson): string {
  const who = printable(request.as ?? 'nobody');
  const lines = [
    `${request.method} ${request.host}${request.path}${request.route === null ? '' : ` (route ${request.route})`} as ${who}`,
    `→ ${answerText(explanation.decision)}`,
    '',
    ...(explanation.implicit_allow ? [`${paint('bold', '*')} allow   (public route)`] : []),
    ...explanation.rules.flatMap(ruleLines),
  ];
  if (explanation.login !== undefined && explanation.login.length > 0) {
    lines.push('', 'Judged again as if somebody might be there (identity, session and access unknown):');
    lines.push(...explanation.login.flatMap(ruleLines));
  }
  const rules = [...explanation.rules, ...(explanation.login ?? [])];
  if (explanation.implicit_allow || rules.some((rule) => rule.fires))
    lines.push('', paint('dim', '* what has its effect'));
  return lines.join('\n');
}

function answerText(decision: DecisionJson): string {
  const reason = decision.effect === 'allow' ? '' : ` (${decision.reason})`;
  const rule =
    decision.effect === 'login' || decision.rule === undefined
      ? ''
      : ` by ${decision.rule.policy}/${decision.rule.rule}, ${decision.rule.file}:${decision.rule.line}`;
  const need = decision.effect === 'step_up' ? ` needs ${needText(decision.need)}` : '';
  const color = decision.effect === 'allow' ? 'green' : decision.effect === 'deny' ? 'red' : 'yellow';
  return paint(['bold', color], decision.effect) + reason + need + rule;
}

function needText({ level, max_age: maxAge, any_of: anyOf, all_of: allOf }: NeedJson): string {
  const age = maxAge === undefined ? [] : [`at most ${maxAge} s old`];
  const one = anyOf === undefined ? [] : [`by ${anyOf.join(' or ')}`];
  const every = allOf.length === 0 ? [] : [`with each of ${allOf.join(', ')}`];
  return [`level ${level}`, ...age, ...one, ...every].join(', ');
}

function ruleLines(rule: ExplainedRule): string[] {
  const met = rule.met === undefined ? '' : rule.met ? ', met' : ', not met';
  const skipped =
    rule.effect !== 'allow' && rule.result === 'unknown' && !rule.fires ? ', and it says `unknown: skip`' : '';
  const fires = rule.fires ? paint('bold', '*') : ' ';
  const head = `${fires} ${rule.effect.padEnd(7)} ${rule.policy}/${rule.rule}: ${resultText(rule.result)}${skipped}${met}  ${paint('dim', `${rule.file}:${rule.line}`)}`;
  return [head, ...(rule.condition === undefined ? ['      always'] : conditionLines(rule.condition, 3))];
}

function conditionLines(condition: ExplainedCondition, depth: number): string[] {
  const indent = '  '.repeat(depth);
  if (condition.kind === 'atom') {
    const values = condition.values.map(({ attribute, value }) => `${attribute} is ${printable(value)}`).join(', ');
    return [
      `${indent}${resultText(condition.result)}  ${condition.attribute} ${condition.operator} ${printable(condition.operand)}  (${values})`,
    ];
  }
  const name = condition.name === undefined ? condition.kind : `${condition.kind} ${condition.name}`;
  return [
    `${indent}${resultText(condition.result)}  ${name}`,
    ...condition.of.flatMap((part) => conditionLines(part, depth + 1)),
  ];
}

const resultText = (result: 'true' | 'false' | 'unknown'): string =>
  paint(result === 'true' ? 'green' : result === 'false' ? 'red' : 'yellow', result);
