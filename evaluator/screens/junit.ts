/** @file A prescreen result's gates as JUnit XML, the format that CI systems show. */
import { escapeMarkup } from '../engine/files/markup.ts';
import type { GateResult } from '../../contract/prescreen.ts';

/** One test case a gate and model. */
export function junit(results: readonly GateResult[], suite: string): string {
  const failures = results.filter(({ met }) => !met).length;
  const cases = results.map(({ requirement, model, value, met }) => {
    const said = `${model}: ${requirement}: it is ${value === null ? 'undefined' : String(value)}`;
    const open = `    <testcase classname="${escapeMarkup(model)}" name="${escapeMarkup(requirement)}"`;
    return met ? `${open}/>` : `${open}>\n      <failure message="${escapeMarkup(said)}"/>\n    </testcase>`;
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites tests="${results.length}" failures="${failures}">`,
    `  <testsuite name="${escapeMarkup(suite)}" tests="${results.length}" failures="${failures}">`,
    ...cases,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}
