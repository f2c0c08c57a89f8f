// Before the first paint, hence not a module: which colours were chosen, if any were.
'use strict';
(() => {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const kept = () => {
    try { return localStorage.getItem('awaitd-theme'); } catch { return null; }
  };
  const now = () => kept() || (dark.matches ? 'dark' : 'light');
  const show = () => {
    document.documentElement.dataset.theme = now();
    const button = document.getElementById('theme');
    if (button) button.textContent = now() === 'dark' ? 'Light' : 'Dark';
  };
  show();
  dark.addEventListener('change', show);
  document.addEventListener('DOMContentLoaded', () => {
    show();
    document.getElementById('theme').addEventListener('click', () => {
      const next = now() === 'dark' ? 'light' : 'dark';
      try { localStorage.setItem('awaitd-theme', next); } catch { /* then it lasts for this page */ }
      document.documentElement.dataset.theme = next;
      document.getElementById('theme').textContent = next === 'dark' ? 'Light' : 'Dark';
    });
  });
})();
