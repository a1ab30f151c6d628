/** @file Starts the researcher's page. */
import { mount } from 'svelte';
import './research.css';
import App from './App.svelte';

mount(App, { target: document.getElementById('app')! });
