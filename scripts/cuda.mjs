// Downloads ONNX Runtime's CUDA libraries into node_modules, which a plain install leaves out: npm run cuda
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

// .npmrc tells installs to skip this; here it is what was asked for.
const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('npm_config_onnxruntime'));
const env = { ...Object.fromEntries(inherited), ONNXRUNTIME_NODE_INSTALL: 'cuda12' };
const folder = fileURLToPath(new URL('../node_modules/onnxruntime-node', import.meta.url));
const { status } = spawnSync(process.execPath, ['script/install.js'], {
  cwd: folder,
  env,
  stdio: ['ignore', 'inherit', 'pipe'],
});
if (status !== 0) {
  console.error(
    'visavis: the CUDA libraries could not be downloaded (they come from NuGet); check the network and try again.',
  );
  process.exit(1);
}
console.error('visavis: CUDA libraries are in place. Check them with: node bin/visavis.js doctor');
