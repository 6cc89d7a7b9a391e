// Types of the vendored file: those of the package it was made from.

export { default } from 'uplot';
