import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';
import { devPages } from './scripts/dev-pages.ts';
import { precompress } from './scripts/precompress.ts';

export default defineConfig({
  root: 'client',
  plugins: [svelte({ configFile: '../svelte.config.js' }), precompress(), devPages(process.env['VISAVIS_DEV_API'])],
  build: {
    outDir: '../dist/client',
    emptyOutDir: true,
    target: 'es2022',
    rollupOptions: { input: { annotate: 'client/annotate.html', research: 'client/research.html' } },
  },
});
