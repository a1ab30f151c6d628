/** @file `visavis doctor`: devices, versions, what is missing and the line that mends it. */
import { cpus, totalmem } from 'node:os';
import { Command } from 'commander';
import { databaseLocation, dataFolderOf } from '../server/config.ts';
import type { DataOption } from './context.ts';
import { printJson } from './output.ts';

interface Check {
  name: string;
  ok: boolean;
  detail: string;
  /** The one line that mends it. */
  remedy: string | null;
}

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('devices, versions, what is missing and the one line that mends it')
    .option('--data <dir>', 'data directory')
    .option('--json', 'print JSON')
    .action(async (options: DataOption & { json?: boolean }) => {
      const checks = await examine(options);
      if (options.json) {
        printJson({ checks });
        return;
      }
      for (const { name, ok, detail, remedy } of checks) {
        console.log(`${ok ? 'ok     ' : 'missing'}  ${name.padEnd(12)} ${detail}`);
        if (remedy !== null) console.log(`${' '.repeat(22)}→ ${remedy}`);
      }
    });
}

async function examine(options: DataOption): Promise<Check[]> {
  const { libraryVersion } = await import('../evaluator/engine/onnx/library.ts');
  const { probeDevice, remedy } = await import('../evaluator/engine/onnx/choose-device.ts');
  const { deviceName } = await import('../evaluator/engine/onnx/device.ts');
  const { openDatabase } = await import('../db/open.ts');
  const { existsSync } = await import('node:fs');
  const { clientFolder } = await import('../server/http/pages.ts');
  const memory = Math.round(totalmem() / 2 ** 30);
  const checks: Check[] = [
    { name: 'node', ok: true, detail: `${process.versions.node}, ${cpus().length} cores, ${memory} GiB`, remedy: null },
  ];
  for (const device of [{ kind: 'cpu' }, { kind: 'cuda', id: 0 }, { kind: 'webgpu' }] as const) {
    const failure = await probeDevice(device);
    checks.push({
      name: deviceName(device),
      ok: failure === undefined,
      detail: failure ?? `runs (${libraryVersion()})`,
      remedy: failure === undefined ? null : remedy(device),
    });
  }
  const location = databaseLocation(dataFolderOf(options.data));
  if (location.startsWith('postgres') || existsSync(location)) {
    const failure = await openDatabase(location).then(
      async (db) => {
        await db.destroy();
        return undefined;
      },
      (error: Error) => error.message,
    );
    checks.push({
      name: 'database',
      ok: failure === undefined,
      detail: failure ?? withoutPassword(location),
      remedy: null,
    });
  } else {
    checks.push({ name: 'database', ok: true, detail: `${location} (made at first use)`, remedy: null });
  }
  const { sharedStore } = await import('../evaluator/engine/store/open.ts');
  if (process.env['VISAVIS_STORE']) {
    const failure = await Promise.resolve()
      .then(() => sharedStore()!.check())
      .then(
        () => undefined,
        (error: Error) => error.message,
      );
    const detail = failure ?? sharedStore()!.location;
    checks.push({ name: 'store', ok: failure === undefined, detail, remedy: null });
  }
  const built = existsSync(clientFolder());
  checks.push({
    name: 'pages',
    ok: built,
    detail: built ? 'built' : 'not built',
    remedy: built ? null : 'npm run build',
  });
  return checks;
}

function withoutPassword(location: string): string {
  return location.replace(/:[^:@/]+@/, ':…@');
}
