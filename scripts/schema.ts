/** @file Writes db/schema.sql from the migrations. */
import { writeFileSync } from 'node:fs';
import { dumpSchema } from '../test/support/schema.ts';

writeFileSync(new URL('../db/schema.sql', import.meta.url), await dumpSchema());
