/** @file Starts the annotator's page. */
import { mount } from 'svelte';
import './annotate.css';
import App from './App.svelte';

mount(App, { target: document.getElementById('app')! });
