/**
 * @file The tools of `visavis mcp`. Each asks one route with the user's token; nothing here opens a study, spends money, reveals
 * running results or hands out a link, whatever the token allows.
 */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { z } from 'zod';
import type { Api } from '../../sdk/client.ts';

const studyName = { name: z.string().min(1).max(200).describe('Name of the study.') };

export function mcpServer(api: Api): McpServer {
  const server = new McpServer({ name: 'visavis', version: '1' });
  const reads = { readOnlyHint: true, openWorldHint: false };
  const writes = { readOnlyHint: false, destructiveHint: false, openWorldHint: false };

  server.registerTool(
    'list_studies',
    { description: 'All studies with their state and how many votes they have.', annotations: reads },
    () =>
      answered(async () => {
        const { studies } = await api('GET /api/studies');
        return studies.map(({ name, state, models, criteria, pairs, votes, votesNeeded, annotators, simulated }) => ({
          ...{ name, state, models, criteria, pairs, votes, votesNeeded, annotators, simulated },
        }));
      }),
  );
  server.registerTool(
    'study_progress',
    {
      description:
        'How a study goes: votes, pace, people, where they drop out. Nothing of which model wins while people vote.',
      inputSchema: studyName,
      annotations: reads,
    },
    ({ name }) => answered(() => api('GET /api/studies/{name}/live', { params: { name } })),
  );
  server.registerTool(
    'study_report',
    {
      description:
        'The report of a study that nobody votes in any more: win rates with intervals, tests, agreement, slices.',
      inputSchema: studyName,
      annotations: reads,
    },
    ({ name }) => answered(() => api('GET /api/studies/{name}/report', { params: { name } })),
  );
  server.registerTool(
    'list_material',
    { description: 'Prompt sets and models that a study can be made of.', annotations: reads },
    () => answered(() => api('GET /api/material')),
  );
  server.registerTool(
    'read_study_file',
    {
      description: 'A study as a file: everything that was decided. Another study can be drafted like it.',
      inputSchema: studyName,
      annotations: reads,
    },
    ({ name }) => answered(() => api('GET /api/studies/{name}/file', { params: { name } })),
  );
  const file = z
    .record(z.string(), z.unknown())
    .describe('As read_study_file gives it; docs/studies.md has every key.');
  server.registerTool(
    'check_study',
    {
      description: "What a study's file would make: pairs, and prompts without images. Nothing is made.",
      inputSchema: { file },
      annotations: reads,
    },
    ({ file }) => answered(() => api('POST /api/studies/check', { body: { file } })),
  );
  server.registerTool(
    'draft_study',
    {
      description:
        'Make a draft of a study. Nobody can vote in it: a person opens it on the research page, after reading it.',
      inputSchema: { file },
      annotations: writes,
    },
    ({ file }) =>
      answered(async () => {
        const { name, state, pairs, votesNeeded } = await api('POST /api/studies', { body: { file } });
        return { name, state, pairs, votesNeeded };
      }),
  );
  server.registerTool(
    'list_prescreens',
    { description: 'Pre-screenings by synthetic rewards, with their results.', annotations: reads },
    () => answered(() => api('GET /api/prescreens')),
  );
  return server;
}

/** The answer as JSON text; a refusal as its sentence, so that whoever asked can read it. */
async function answered(job: () => Promise<unknown>) {
  try {
    return { content: [{ type: 'text' as const, text: JSON.stringify(await job()) }] };
  } catch (error) {
    return { isError: true, content: [{ type: 'text' as const, text: (error as Error).message }] };
  }
}
