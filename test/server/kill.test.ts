/**
 * @file The server dies in the middle of voting: every acknowledged vote is there afterwards, once. Slow: it starts and
 * kills servers.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../db/open.ts';
import { countedVotes } from '../../db/queries/counted-votes.ts';
import { findStudy } from '../../db/queries/studies.ts';
import { projectRoot, temporaryFolder } from '../support/folders.ts';
import { TestClient } from '../support/clients.ts';
import { openStudyOf } from '../support/studies.ts';

async function serve(dataFolder: string): Promise<{ child: ChildProcess; url: string }> {
  const env = { ...process.env, VISAVIS_GRACE_SECONDS: '0.05' };
  delete (env as NodeJS.ProcessEnv)['DATABASE_URL'];
  const child = spawn(
    process.execPath,
    [join(projectRoot, 'bin', 'visavis.js'), 'serve', '--port', '0', '--data', dataFolder],
    { env },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      output += String(chunk);
      const match = /Research: {2}(http:\/\/[^/]+)/.exec(output);
      if (match !== null) resolve(match[1]!);
    });
    child.once('exit', (code) => reject(new Error(`serve ended with ${String(code)}: ${output}`)));
  });
  return { child, url };
}

it('a server killed five times while 12 people vote loses no acknowledged vote and doubles none', async () => {
  // The study's images and the database are in one folder, as a user has them.
  const dataFolder = temporaryFolder();
  const location = join(dataFolder, 'visavis.db');
  const db = await openDatabase(location);
  const fixture = await openStudyOf(db, { pairs: 25, dataFolder });
  await db.destroy();

  const acknowledged = new Set<string>();
  let lives = 0;
  for (;;) {
    const { child, url } = await serve(dataFolder);
    lives += 1;
    const last = lives === 6;
    // Killed at a moment of its own each time, in full flow.
    if (!last) setTimeout(() => child.kill('SIGKILL'), 60 + lives * 35);
    const results = await Promise.all(
      Array.from({ length: 12 }, async (_, person) => {
        try {
          const client = await TestClient.connect(url, fixture.token, `person-${person}`);
          for (;;) {
            const assignment = await client.next();
            if (assignment === null) {
              client.close();
              return true;
            }
            for (const criterion of assignment.criteria) {
              const voteId = crypto.randomUUID();
              const { counted } = await client.vote(assignment.id, criterion, 'left', voteId);
              if (counted) acknowledged.add(voteId);
            }
          }
        } catch (error) {
          return error;
        }
      }),
    );
    if (last) {
      // By now the server lives on, and everybody came to the end.
      expect(results).toEqual(Array.from({ length: 12 }, () => true));
      child.kill('SIGTERM');
      await new Promise((resolve) => child.once('exit', resolve));
      break;
    }
  }

  const after = await openDatabase(location);
  const votes = await countedVotes(after, (await findStudy(after, fixture.name))!.id, 'people');
  const rows = await after.selectFrom('slot').select('vote_id').execute();
  await after.destroy();
  const countedIds = rows.map((row) => row.vote_id);
  expect(new Set(countedIds).size).toBe(countedIds.length);
  for (const id of acknowledged) expect(countedIds).toContain(id);
  expect(new Set(votes.map((vote) => `${vote.pair} ${vote.criterion} ${vote.annotator}`)).size).toBe(votes.length);
  // Nothing is counted that nobody cast: at most the votes cut off between commit and answer are ours alone.
  expect(votes.length).toBeLessThanOrEqual(25 * 3 * 3);
  expect(acknowledged.size).toBeGreaterThan(0);
}, 120_000);
