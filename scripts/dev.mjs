// npm run dev [-- --data DIR]: the server on its sources, started again when one changes, and Vite in front of it, which
// swaps changed components in the open page. One command; Ctrl-C ends both.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [apiPort, pagePort] = [8081, 8080];
const bin = (name, ...path) => fileURLToPath(new URL(`../node_modules/${name}/${path.join('/')}`, import.meta.url));
const env = {
  ...process.env,
  VISAVIS_DEBUG: process.env.VISAVIS_DEBUG ?? '1',
  VISAVIS_LOG: process.env.VISAVIS_LOG ?? 'info',
  // Links are printed for the page's address, and only pages from there may open a socket.
  VISAVIS_PUBLIC_URL: `http://127.0.0.1:${pagePort}`,
  VISAVIS_DEV_API: `http://127.0.0.1:${apiPort}`,
};
const start = (...command) =>
  spawn(process.execPath, command, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] });
const children = [
  start(
    bin('tsx', 'dist/cli.mjs'),
    'watch',
    '--clear-screen=false',
    '--exclude',
    'client',
    '--exclude',
    'test',
    'scripts/dev-server.ts',
    'serve',
    '--port',
    String(apiPort),
    ...process.argv.slice(2),
  ),
  start(
    bin('vite', 'bin/vite.js'),
    '--port',
    String(pagePort),
    '--strictPort',
    '--host',
    '127.0.0.1',
    '--clearScreen',
    'false',
  ),
];
const end = () => children.forEach((child) => child.kill('SIGTERM'));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, end);
for (const child of children) {
  child.once('exit', (code) => {
    process.exitCode ??= code ?? 0;
    end();
  });
}
