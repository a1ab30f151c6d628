/** @file bin/visavis.js on the sources instead of the build, for npm run dev. */
import { main } from '../cli/main.ts';

process.exitCode = await main(process.argv);
