/** @file Whoever reads the OpenAPI document learns what every field is. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { projectRoot } from '../support/folders.ts';

interface Schema {
  description?: string;
  properties?: Record<string, Schema>;
  $defs?: Record<string, Schema>;
  $ref?: string;
}

/** Places of the fields without a description. */
function undescribed(schema: unknown, place: string): string[] {
  if (Array.isArray(schema)) return schema.flatMap((part) => undescribed(part, place));
  if (typeof schema !== 'object' || schema === null) return [];
  const { properties = {} } = schema as Schema;
  const own = Object.entries(properties)
    .filter(([, field]) => (field.description ?? '').length < 4)
    .map(([name]) => `${place}.${name}`);
  const inside = Object.entries(schema).flatMap(([key, part]) =>
    key === 'properties'
      ? Object.entries(properties).flatMap(([name, field]) => undescribed(field, `${place}.${name}`))
      : undescribed(part, place),
  );
  return [...own, ...inside];
}

it('contract › every field of every schema has a description', async () => {
  const files = readdirSync(join(projectRoot, 'contract')).filter((name) => name.endsWith('.ts'));
  const schemas: [string, z.ZodType][] = [];
  for (const file of files) {
    const module = (await import(join(projectRoot, 'contract', file))) as Record<string, unknown>;
    for (const [name, value] of Object.entries(module))
      if (value instanceof z.ZodType) schemas.push([`${file} ${name}`, value]);
  }
  expect(schemas.length).toBeGreaterThan(30);
  const missing = schemas.flatMap(([name, schema]) => undescribed(z.toJSONSchema(schema, { io: 'input' }), name));
  expect(missing).toEqual([]);
});
