/** @file A prescreen result's gates as JUnit XML, the format that CI systems show. */
import type { GateResult } from '../../contract/prescreen.ts';

/** One test case a gate and model. */
export function junit(results: readonly GateResult[], suite: string): string {
  const failures = results.filter(({ met }) => !met).length;
  const cases = results.map(({ requirement, model, value, met }) => {
    const said = `${model}: ${requirement}: it is ${value === null ? 'undefined' : String(value)}`;
    const open = `    <testcase classname="${escape(model)}" name="${escape(requirement)}"`;
    return met ? `${open}/>` : `${open}>\n      <failure message="${escape(said)}"/>\n    </testcase>`;
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites tests="${results.length}" failures="${failures}">`,
    `  <testsuite name="${escape(suite)}" tests="${results.length}" failures="${failures}">`,
    ...cases,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escape(text: string): string {
  // Control characters are not allowed in XML, not even escaped.
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '').replace(/[&<>"]/g, (c) => entities[c]!);
}
