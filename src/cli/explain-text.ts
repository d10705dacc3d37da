import type { Decision } from '../core/decision.ts';
import type { ExplainedCondition } from '../policy/condition.ts';
import type { ExplainedRule, Explanation } from '../policy/explain.ts';
import { paint } from './output.ts';

interface Described {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly route: string | null;
  readonly as: string | null;
}

/** An explanation for people: the answer first, then every rule with what made it true, false or unknown. */
export function explanationText(request: Described, explanation: Explanation): string {
  const who = request.as ?? 'nobody';
  const lines = [
    `${request.method} ${request.host}${request.path}${request.route === null ? '' : ` (route ${request.route})`} as ${who}`,
    `→ ${answerText(explanation.decision)}`,
    '',
    ...(explanation.implicitAllow ? ['allow  (public route)'] : []),
    ...explanation.rules.flatMap(ruleLines),
  ];
  if (explanation.login !== undefined) {
    lines.push('', 'Judged again as if somebody might be there (identity, session and access unknown):');
    lines.push(...explanation.login.flatMap(ruleLines));
  }
  return lines.join('\n');
}

function answerText(decision: Decision): string {
  const reason = decision.effect === 'allow' ? '' : ` (${decision.reason})`;
  const rule =
    decision.effect === 'login' || decision.rule === undefined
      ? ''
      : ` by ${decision.rule.policy}/${decision.rule.rule}, ${decision.rule.file}:${decision.rule.line}`;
  const need =
    decision.effect === 'step_up'
      ? ` needs level ${decision.need.level}${decision.need.maxAgeMs === undefined ? '' : `, at most ${decision.need.maxAgeMs / 1000} s old`}`
      : '';
  const color = decision.effect === 'allow' ? 'green' : decision.effect === 'deny' ? 'red' : 'yellow';
  return paint(['bold', color], decision.effect) + reason + need + rule;
}

function ruleLines(rule: ExplainedRule): string[] {
  const met = rule.met === undefined ? '' : rule.met ? ', met' : ', not met';
  const fires = rule.fires ? paint('bold', '*') : ' ';
  const head = `${fires} ${rule.effect.padEnd(7)} ${rule.policy}/${rule.rule}: ${resultText(rule.result)}${met}  ${paint('dim', `${rule.file}:${rule.line}`)}`;
  return [head, ...(rule.condition === undefined ? ['      always'] : conditionLines(rule.condition, 3))];
}

function conditionLines(condition: ExplainedCondition, depth: number): string[] {
  const indent = '  '.repeat(depth);
  if (condition.kind === 'atom') {
    const values = condition.values.map(({ attribute, value }) => `${attribute} is ${value}`).join(', ');
    return [
      `${indent}${resultText(condition.result)}  ${condition.attribute} ${condition.operator} ${condition.operand}  (${values})`,
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
