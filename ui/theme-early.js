// Sets the chosen theme before the first paint. The only script that is no module: a module runs after
// the page was painted once, in the wrong colours.

try {
  const theme = localStorage.getItem('eyas.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // No storage, no choice: the system's theme holds.
}
